"""What a scan has come to so far: arrays that can be stored, and joined with those of other images, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from deepvis.scan.exact_sum import LIMBS, ExactSums, mean_and_variance
from deepvis.scan.top_images import EMPTY, renumber, strongest

LIMBED = ("sums", "squares")  # whose units are their second axis


@dataclass
class Totals:
    """Over n images, for C units (of all layers, one after the other).

    Parameters
    ----------
    top_keys, top_positions : (C, K) int64 of `deepvis.scan.top_images.TopImages`.
    bottom_keys, bottom_positions : the same of the negated minima.
    sums, squares : (LIMBS, C) int64 of `deepvis.scan.exact_sum.ExactSums`, carried.
    zeros : (C,) int64, how many values were zero.
    min, max : (C,) float32.
    """

    top_keys: np.ndarray
    top_positions: np.ndarray
    bottom_keys: np.ndarray
    bottom_positions: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    zeros: np.ndarray
    min: np.ndarray
    max: np.ndarray

    @classmethod
    def nothing(cls, units: int, top: int) -> Totals:
        """Totals over no image."""
        keys, positions = np.full((units, top), EMPTY, np.int64), np.zeros((units, top), np.int64)
        limbs = np.zeros((LIMBS, units), np.int64)
        return cls(
            keys,
            positions,
            keys.copy(),
            positions.copy(),
            limbs,
            limbs.copy(),
            np.zeros(units, np.int64),
            np.full(units, np.inf, np.float32),
            np.full(units, -np.inf, np.float32),
        )

    def of_units(self, units: slice) -> Totals:
        """Give the totals of some units."""
        return Totals(
            **{name: array[:, units] if name in LIMBED else array[units] for name, array in vars(self).items()}
        )

    def statistics(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """Give (C,) float64 each of mean, std (of the population), min, max, zeros (a share, 0 to 1).

        Parameters
        ----------
        counts : (C,) integers, how many values there were.
        """
        mean, variance = mean_and_variance(self.sums, self.squares, counts)
        return {
            "mean": mean,
            "std": np.sqrt(variance),
            "min": self.min.astype(np.float64),
            "max": self.max.astype(np.float64),
            "zeros": self.zeros / counts,
        }


def joined(parts: Sequence[Totals], images: Sequence[int]) -> Totals:
    """Join the totals of consecutive runs of images.

    Parameters
    ----------
    parts : at least one; all of the same units and K.
    images : how many images each part counts from its first; those of a part come after those of the part before it.
    """
    starts = np.cumsum([0, *images[:-1]]).tolist()
    top = _join([(renumber(p.top_keys, n), p.top_positions) for p, n in zip(parts, starts, strict=True)])
    bottom = _join([(renumber(p.bottom_keys, n), p.bottom_positions) for p, n in zip(parts, starts, strict=True)])
    return Totals(
        *top,
        *bottom,
        _sum_of_limbs([part.sums for part in parts]),
        _sum_of_limbs([part.squares for part in parts]),
        np.sum([part.zeros for part in parts], 0),
        np.min([part.min for part in parts], 0),
        np.max([part.max for part in parts], 0),
    )


def _join(entries: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    keys, positions = (np.concatenate(arrays, axis=1) for arrays in zip(*entries, strict=True))
    return strongest(keys, positions, entries[0][0].shape[1])


def _sum_of_limbs(limbs: Sequence[np.ndarray]) -> np.ndarray:
    total = ExactSums(torch.from_numpy(np.sum(limbs, 0)))
    total.carry()
    return total.limbs.numpy()
