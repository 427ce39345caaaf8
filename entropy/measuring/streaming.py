"""Histograms of mean activations that grow image by image and merge exactly, for scans whose table would be too large.

Every unit has `CELLS` cells of equal width, a power of two that depends on nothing but the greatest magnitude seen and
on whether anything was negative. When that grows, neighbouring cells are added together: edges of wider cells are edges
of narrower ones, so what comes out depends neither on batches nor on their order, and counts stay integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

CELLS = 4096  # 16 kB a unit
LOWEST = -160  # below the exponent of every float32, whose least is 2^-149


@dataclass
class MeanHistograms:
    """Histograms of C units over the images seen so far.

    Parameters
    ----------
    counts : (C, cells) uint32, contiguous, how many means fell into each cell; ``cells`` is a power of two.
    min, max : (C,) float32 least and greatest mean; infinite (inf, -inf) where there was none.
    zeros : (C,) int64, how many means were exactly 0; they are in ``counts`` too.
    """

    counts: NDArray[np.uint32]
    min: NDArray[np.float32]
    max: NDArray[np.float32]
    zeros: NDArray[np.int64]

    @classmethod
    def nothing(cls, units: int, cells: int = CELLS) -> MeanHistograms:
        """Histograms of no image."""
        return cls(
            np.zeros((units, cells), np.uint32),
            np.full(units, np.inf, np.float32),
            np.full(units, -np.inf, np.float32),
            np.zeros(units, np.int64),
        )

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def images(self) -> int:
        """Number of images."""
        return int(self.counts[0].sum(dtype=np.int64)) if len(self) else 0

    def add(self, means: NDArray[np.float32]) -> None:
        """Count a batch.

        Parameters
        ----------
        means : (B, C) finite mean activations.
        """
        if not len(means):
            return
        low, high = np.minimum(self.min, means.min(0)), np.maximum(self.max, means.max(0))
        self._widen(low, high)
        exponents, first = grid(low, high, self.counts.shape[1])
        scale = np.ldexp(1.0, -exponents)  # a power of two: the products are exact
        cells = np.floor(means * scale).astype(np.int64)
        cells += np.arange(len(self)) * self.counts.shape[1] - first
        np.add.at(self.counts.reshape(-1), cells.ravel(), np.uint32(1))
        self.zeros += (means == 0).sum(0)

    def _widen(self, low: NDArray[np.float32], high: NDArray[np.float32]) -> None:
        """Move the counts to the cells of a range that holds the present one."""
        cells = self.counts.shape[1]
        before, after = np.stack(grid(self.min, self.max, cells)), np.stack(grid(low, high, cells))
        changed = (before != after).any(0) & (self.max >= self.min)
        moves = np.stack([after[0] - before[0], before[1], after[1]])
        for move in np.unique(moves[:, changed], axis=1).T:
            shift, first, new_first = move.tolist()
            rows = np.flatnonzero(changed & (moves == move[:, None]).all(0))
            target = ((np.arange(cells) + first) >> min(shift, 63)) - new_first
            starts = np.flatnonzero(np.diff(target, prepend=target[0] - 1))
            moved = np.add.reduceat(self.counts[rows], starts, axis=1)
            self.counts[rows] = 0
            self.counts[rows[:, None], target[starts]] = moved
        self.min, self.max = low, high


def merge_histograms(parts: Sequence[MeanHistograms]) -> MeanHistograms:
    """Histograms over the images of several parts, at least one; their order does not matter."""
    low, high = np.min([part.min for part in parts], 0), np.max([part.max for part in parts], 0)
    total = MeanHistograms.nothing(len(parts[0]), parts[0].counts.shape[1])
    total.min, total.max = low, high
    for part in parts:
        copy = MeanHistograms(part.counts.copy(), part.min, part.max, part.zeros)
        copy._widen(low, high)
        total.counts += copy.counts
        total.zeros += part.zeros
    return total


def grid(low: ArrayLike, high: ArrayLike, cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the cells of units by the least and greatest of their means, (C,) each.

    Returns
    -------
    exponents, first : (C,); cell i holds (first + i) * 2^exponent <= mean < (first + i + 1) * 2^exponent.
    """
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    seen = high >= low
    largest = np.where(seen, np.maximum(np.abs(low), np.abs(high)), 0)
    signed = seen & (low < 0)
    bound = np.where(largest > 0, np.frexp(largest)[1], LOWEST)
    return (
        (bound - (cells.bit_length() - 1) + signed).astype(np.int64),
        np.where(signed, -(cells // 2), 0).astype(np.int64),
    )
