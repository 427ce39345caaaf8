"""Histograms of mean activations and their entropy: the arithmetic, on plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

DEFAULT_BINS = 256
DEFAULT_QUANTILE = 0.999
MOST_BINS = 1 << 16
# Narrower ranges than this divide badly in float32.
NARROW = 1e-30


def value_range(means: NDArray[np.floating], quantile: float = DEFAULT_QUANTILE) -> tuple[float, float]:
    """Give the range that the histograms of these filters share: [0, the ``quantile`` of all means].

    Means below 0 (before the activation, or where there is none) open the range downwards to their ``1 - quantile``
    quantile; without any, it starts at 0.

    Parameters
    ----------
    means : (N, C) mean activation of C filters over N images.
    quantile : in (0.5, 1].

    Returns
    -------
    low, high : low <= 0 <= high; equal when there is nothing but zeros.
    """
    values = np.asarray(means, dtype=np.float64).ravel()
    high = float(np.quantile(values, quantile))
    low = float(np.quantile(values, 1 - quantile)) if values.min() < 0 else 0.0
    return min(low, 0.0), max(high, 0.0)


@dataclass(frozen=True)
class Binning:
    """Equal bins between the ends of each filter's range.

    Bin i holds ``edge[i] <= mean < edge[i + 1]`` with the edges of ``numpy.linspace``, as in `numpy.histogram`; what
    lies above the range belongs to the last bin, what lies below to the first. With low == high all is in the first.

    Parameters
    ----------
    low, high : (C,) float64.
    bins : (C,) number of bins, 1 to `MOST_BINS`.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    bins: NDArray[np.int64]

    @classmethod
    def of(cls, units: int, low: ArrayLike, high: ArrayLike, bins: ArrayLike) -> Binning:
        """Give each of the filters its own of the values, or all the same one."""
        lows, highs = (np.broadcast_to(np.asarray(bound, np.float64), units) for bound in (low, high))
        return cls(lows, highs, np.broadcast_to(np.asarray(bins, np.int64), units))

    def __len__(self) -> int:
        return len(self.low)

    @property
    def most(self) -> int:
        """The largest number of bins."""
        return int(self.bins.max())

    @property
    def most_bits(self) -> NDArray[np.float64]:
        """(C,) the greatest H that there can be."""
        return np.log2(self.bins)

    @cached_property
    def edges(self) -> NDArray[np.float64]:
        """(C, most + 1) edges; those beyond a filter's last bin, and of filters without a range, are infinite."""
        edges = np.full((len(self), self.most + 1), np.inf)
        for row, low, high, number in zip(edges, self.low, self.high, self.bins, strict=True):
            if high > low:
                row[: number + 1] = np.linspace(low, high, number + 1)
        return edges

    @cached_property
    def is_shared(self) -> bool:
        """Whether all filters have the same bins."""
        return all(len(np.unique(values)) == 1 for values in (self.low, self.high, self.bins))

    def counts(self, means: NDArray[np.floating]) -> NDArray[np.int64]:
        """Count (N, C) means into (C, most) bins."""
        units, most = len(self), self.most
        kind: np.dtype[np.floating] = np.dtype(np.float64)
        if self._fit_float32 and means.dtype == np.float32:
            kind = np.dtype(np.float32)
        place = self._place(means.astype(kind, copy=False), kind)
        place += np.arange(units) * most
        return np.bincount(place.ravel(), minlength=units * most).reshape(units, most)

    @cached_property
    def _fit_float32(self) -> bool:
        width = (self.high - self.low)[self.high > self.low]
        return bool((width > NARROW).all() and (self.high < 1 / NARROW).all() and (self.low > -1 / NARROW).all())

    def _place(self, means: NDArray[np.floating], kind: np.dtype[np.floating]) -> NDArray[np.intp]:
        """Bin of each mean.

        Interpolating and then comparing with the edges is several times faster than a binary search and gives the same.
        Of float32 means the comparison is with the least float32 that is not below the edge: the outcome is the same.
        """
        rows = slice(1) if self.is_shared else slice(None)
        low, last = self.low[rows].astype(kind), self.bins[rows] - 1
        edges = _at_least(self.edges[rows], kind)
        width = np.where(self.high > self.low, self.high - self.low, 1)[rows]
        scale = np.where(self.high[rows] > self.low[rows], self.bins[rows] / width, 0).astype(kind)
        with np.errstate(over="ignore"):
            guess = np.clip((means - low) * scale, 0, last.astype(kind)).astype(np.int32)
        first = np.arange(len(edges), dtype=np.int32) * np.int32(edges.shape[1])
        flat = edges.ravel()
        guess -= (means < flat[guess + first]) & (guess > 0)
        guess += (means >= flat[guess + first + 1]) & (guess < last.astype(np.int32))
        return guess.astype(np.intp)


def _at_least(values: NDArray[np.float64], kind: np.dtype[np.floating]) -> NDArray[np.floating]:
    """The least numbers of a kind that are not below these."""
    near = values.astype(kind)
    return np.where(near < values, np.nextafter(near, kind.type(np.inf)), near)


def histogram_counts(
    means: NDArray[np.floating], low: ArrayLike, high: ArrayLike, bins: ArrayLike
) -> NDArray[np.int64]:
    """Count how often each filter's mean activation fell into each bin of a `Binning`.

    Parameters
    ----------
    means : (N, C) mean activations.
    low, high, bins : scalars, or (C,) where every filter has bins of its own.

    Returns
    -------
    (C, largest number of bins) counts; every row sums to N.
    """
    return Binning.of(means.shape[1], low, high, bins).counts(np.asarray(means))


def entropy_bits(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Shannon entropy of each row of counts, in bits: -sum(p * log2(p)) with p = count / row sum ("plug-in").

    Parameters
    ----------
    counts : (C, bins) non-negative integers; every row has at least one count.

    Returns
    -------
    (C,) between 0 and log2(bins).

    References
    ----------
    Shannon (1948), section 6; Basarte (2019), equation 3.1.
    """
    shares = counts / counts.sum(axis=1, keepdims=True)
    logs = np.log2(shares, out=np.zeros_like(shares), where=counts > 0)
    bits = -(shares * logs).sum(axis=1)
    return np.clip(bits, 0.0, np.log2(counts.shape[1]))


def rank_by_h(h: NDArray[np.float64], std: NDArray[np.float64], mean: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rank filters, (M,) each: 1 for the smallest H; equal H are ordered by std, then by mean, then as they stand."""
    rank = np.empty(len(h), np.int64)
    rank[np.lexsort((mean, std, h))] = np.arange(1, len(h) + 1)
    return rank


def miller_madow_bits(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Entropy of each row of counts with the Miller-Madow correction of the bias, in bits: H + (m - 1) / (2 N ln 2).

    m is the number of bins that are not empty and N the row's sum. The result can exceed log2(bins) slightly.

    References
    ----------
    Miller (1955), "Note on the bias of information estimates".
    """
    occupied = (counts > 0).sum(axis=1)
    return entropy_bits(counts) + (occupied - 1) / (2 * counts.sum(axis=1) * np.log(2))
