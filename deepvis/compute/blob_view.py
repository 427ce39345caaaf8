"""Any array of a net looked at: its statistics, its histogram, and a plane of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
_BLOCK = 1 << 22  # numbers of a step
LONGEST = 2048  # rows or columns of a plane that are drawn


@dataclass(frozen=True)
class Statistics:
    """Numbers about an array; those of values leave NaN and infinities out.

    Parameters
    ----------
    count : numbers in the array.
    low, high, mean : of the finite ones; 0 where there are none.
    zeros, nans, infinite : how many there are.
    """

    count: int
    low: float
    high: float
    mean: float
    zeros: int
    nans: int
    infinite: int

    @property
    def words(self) -> str:
        """All of it in a line."""
        share = f" ({self.zeros / self.count:.1%})" if self.count else ""
        return (
            f"{self.count:,} numbers · min {self.low:.5g} · max {self.high:.5g} · mean {self.mean:.5g}"
            f" · zeros {self.zeros:,}{share} · NaN {self.nans:,} · ±inf {self.infinite:,}"
        )


def statistics(array: Array) -> Statistics:
    """Look through an array of any shape, a block at a time; sums are float64."""
    lows, highs, total, zeros, nans, finite = [], [], 0.0, 0, 0, 0
    for part in _blocks(array):
        good = part[np.isfinite(part)]
        nans += int(np.isnan(part).sum())
        zeros += int((part == 0).sum())
        finite += good.size
        if good.size:
            lows.append(float(good.min()))
            highs.append(float(good.max()))
            total += float(good.sum(dtype=np.float64))
    mean = total / finite if finite else 0.0
    return Statistics(
        array.size, min(lows, default=0.0), max(highs, default=0.0), mean, zeros, nans, array.size - finite - nans
    )


def histogram(array: Array, known: Statistics, bins: int) -> tuple[NDArray[np.int64], float, float]:
    """Count the finite values in bins of equal width from the least to the greatest, as `numpy.histogram` does.

    Returns
    -------
    (bins,) counts, and the range's ends: half a unit to both sides where all values are equal.
    """
    low, high = known.low, known.high
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts = np.zeros(bins, np.int64)
    for part in _blocks(array):
        counts += np.histogram(part[np.isfinite(part)], bins, (low, high))[0]
    return counts, low, high


def plane_axes(rank: int, wish: Sequence[int] = ()) -> tuple[int, ...]:
    """Axes that become rows and columns: those wished for, where the array has both, else its last two.

    Returns
    -------
    Two different axes; for arrays of rank 1 and 0 all that there are.
    """
    if len(wish) == 2 and wish[0] != wish[1] and all(0 <= axis < rank for axis in wish):
        return tuple(wish)
    return tuple(range(max(0, rank - 2), rank))


def plane_of(array: Array, axes: tuple[int, ...], at: Sequence[int]) -> Array:
    """The plane of an array along two axes.

    Parameters
    ----------
    axes : of `plane_axes`.
    at : index along every axis of the array; those of ``axes`` do not count.

    Returns
    -------
    (rows, columns), a view; an array of rank 1 is a single row.
    """
    if len(axes) < 2:
        return array.reshape(1, -1)
    chosen = array[tuple(slice(None) if axis in axes else at[axis] for axis in range(array.ndim))]
    return chosen if axes[0] < axes[1] else chosen.T


def clamped(at: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    """Indices that the shape has, as near as can be; 0 for what is not given."""
    wished = [*at[: len(shape)], *[0] * (len(shape) - len(at))]
    return tuple(min(max(index, 0), max(0, size - 1)) for index, size in zip(wished, shape, strict=True))


def drawn_steps(plane: Array) -> tuple[int, int]:
    """Every how many rows and columns are drawn, so that at most `LONGEST` of each are."""
    rows, columns = plane.shape
    return max(1, -(-rows // LONGEST)), max(1, -(-columns // LONGEST))


def _blocks(array: Array) -> Iterator[Array]:
    flat = array.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        yield flat[start : start + _BLOCK]
