"""What a scan has come to so far: arrays that can be stored, and joined with those of other images, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from deepvis.scan.exact_sum import LIMBS, ExactSums, mean_and_variance
from deepvis.scan.top_images import EMPTY, renumber, strongest
from entropy.measuring import scan_layout as layout
from entropy.measuring.streaming import CELLS, MeanHistograms, merge_histograms

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
    mean_counts, mean_extremes, mean_zeros : (C, T, cells) uint32, (C, T, 2) float32, (C, T) int64 of the T histograms
        of means that are kept (`entropy.measuring.streaming.MeanHistograms`).
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
    mean_counts: np.ndarray
    mean_extremes: np.ndarray
    mean_zeros: np.ndarray

    @classmethod
    def nothing(cls, units: int, top: int, histograms: int = 0) -> Totals:
        """Totals over no image, with so many histograms of means."""
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
            *stacked([MeanHistograms.nothing(units) for _ in range(histograms)], units),
        )

    def of_units(self, units: slice) -> Totals:
        """Give the totals of some units."""
        return Totals(
            **{name: array[:, units] if name in LIMBED else array[units] for name, array in vars(self).items()}
        )

    def histograms(self) -> list[MeanHistograms]:
        """Give the histograms of means, one for each that is kept; they share no memory with these totals."""
        found = []
        for kind in range(self.mean_counts.shape[1]):
            low, high = self.mean_extremes[:, kind].T.copy()
            found.append(MeanHistograms(self.mean_counts[:, kind].copy(), low, high, self.mean_zeros[:, kind].copy()))
        return found

    def statistics(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """Give (C,) float64 each of mean, std (of the population), min, max, zeros (a share, 0 to 1).

        Parameters
        ----------
        counts : (C,) integers, how many values there were.
        """
        mean, variance = mean_and_variance(self.sums, self.squares, counts)
        return {
            layout.MEAN: mean,
            layout.STD: np.sqrt(variance),
            layout.MIN: self.min.astype(np.float64),
            layout.MAX: self.max.astype(np.float64),
            layout.ZEROS: self.zeros / counts,
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
        *_join_histograms([part.histograms() for part in parts], len(parts[0].zeros)),
    )


def _join_histograms(parts: Sequence[list[MeanHistograms]], units: int) -> tuple[np.ndarray, ...]:
    return stacked([merge_histograms(kind) for kind in zip(*parts, strict=True)], units)


def stacked(kinds: Sequence[MeanHistograms], units: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the last three arrays of `Totals`, copies, from the histograms that are kept."""
    if not kinds:
        return np.zeros((units, 0, CELLS), np.uint32), np.zeros((units, 0, 2), np.float32), np.zeros((units, 0), int)
    return (
        np.stack([kind.counts for kind in kinds], axis=1),
        np.stack([np.stack([kind.min, kind.max], axis=1) for kind in kinds], axis=1),
        np.stack([kind.zeros for kind in kinds], axis=1),
    )


def _join(entries: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    keys, positions = (np.concatenate(arrays, axis=1) for arrays in zip(*entries, strict=True))
    return strongest(keys, positions, entries[0][0].shape[1])


def _sum_of_limbs(limbs: Sequence[np.ndarray]) -> np.ndarray:
    total = ExactSums(torch.from_numpy(np.sum(limbs, 0)))
    total.carry()
    return total.limbs.numpy()
