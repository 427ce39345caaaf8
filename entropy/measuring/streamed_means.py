"""What can be read off streaming histograms: ranges, moments, and histograms over other bins."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from entropy.errors import ScanError
from entropy.measuring.histograms import Binning
from entropy.measuring.streaming import MeanHistograms, grid
from entropy.measuring.table_means import Measured

Array = NDArray[np.float64]
HALVINGS = 64  # of a range in the search for a quantile: down to neighbouring numbers


class StreamedMeans:
    """The mean activations of a layer by their histograms; asked as `entropy.measuring.table_means.TableMeans` is.

    In a cell the means are taken to be spread evenly, but for those that are exactly 0. A cell is at most 1/2048
    (where means are negative, 1/1024) of the greatest magnitude of its unit. Quantiles, means and deviations are off by
    at most one cell (quantiles of several units by their widest); the count below an edge of a bin by at most what its
    cell holds, and not at all where edges of bins are edges of cells.

    Parameters
    ----------
    histograms : of the layer's C units, of at least one image.

    Attributes
    ----------
    images, units : N, C.
    """

    def __init__(self, histograms: MeanHistograms) -> None:
        self.images, self.units = histograms.images, len(histograms)
        self._zeros = histograms.zeros
        self._low, self._high = histograms.min.astype(np.float64), histograms.max.astype(np.float64)
        self._exponents, self._first = grid(self._low, self._high, histograms.counts.shape[1])
        self._counts = histograms.counts.copy()
        self._counts[np.arange(self.units), -self._first] -= self._zeros.astype(np.uint32)
        self._before = np.zeros((self.units, self._counts.shape[1] + 1), np.uint32)
        np.cumsum(self._counts, axis=1, out=self._before[:, 1:])

    def _moments(self) -> tuple[Array, Array]:
        cells = np.arange(self._counts.shape[1]) + 0.5
        mean, std = np.empty(self.units), np.empty(self.units)
        for unit, counts in enumerate(self._counts):
            middles = np.ldexp(cells + self._first[unit], int(self._exponents[unit]))
            middles = middles.clip(self._low[unit], self._high[unit])
            mean[unit] = counts @ middles / self.images
            squares = counts @ (middles - mean[unit]) ** 2 + self._zeros[unit] * mean[unit] ** 2
            std[unit] = np.sqrt(squares / self.images)
        return mean, std

    def below(self, values: Array) -> Array:
        """Count the means of each unit that lie below some values.

        Parameters
        ----------
        values : (C, V).

        Returns
        -------
        (C, V) whole numbers.
        """
        cells = self._counts.shape[1]
        place = (np.ldexp(values, -self._exponents[:, None]) - self._first[:, None]).clip(0, cells)
        cell = np.minimum(place.astype(np.int64), cells - 1)
        rows = np.arange(self.units)[:, None]
        inside = np.rint((place - cell) * self._counts[rows, cell])
        return self._before[rows, cell] + inside + self._zeros[:, None] * (values > 0)

    def measure(self, binning: Binning) -> Measured:
        """Count into bins, as `entropy.measuring.table_means.TableMeans.measure`; ``zeros`` is exact."""
        edges = binning.edges.copy()
        edges[:, 0] = -np.inf
        edges[np.arange(self.units), np.where(binning.high > binning.low, binning.bins, 1)] = np.inf
        counts = np.diff(self.below(edges), axis=1).astype(np.int64)
        return Measured(binning, counts, *self._moments(), self._zeros / self.images)

    def values(self) -> NDArray[np.floating]:
        """Raise a `ScanError`: there are none."""
        raise ScanError(
            "this needs the mean of every image, but the scan kept histograms of them only; give a number of bins or a "
            "width, or scan without --no-means"
        )

    def unit_ranges(self, quantile: float) -> tuple[Array, Array]:
        """Give the range of every unit alone, (C,) each; see `entropy.measuring.histograms.value_range`."""
        wanted = np.array([1 - quantile, quantile])[:, None] * self.images
        found = [_bisect(lambda x: self.below(x[:, None])[:, 0], self._low, self._high, each) for each in wanted]
        return _range(found[0], found[1], self._low, self._high, quantile)

    @staticmethod
    def shared_range(layers: Sequence[StreamedMeans], quantile: float) -> tuple[float, float]:
        """Give the range that all units of some layers share; see `entropy.measuring.histograms.value_range`."""
        low = np.array([min(layer._low.min() for layer in layers)])
        high = np.array([max(layer._high.max() for layer in layers)])
        values = sum(layer.images * layer.units for layer in layers)

        def below(x: Array) -> Array:
            return np.array([sum(layer.below(np.full((layer.units, 1), x[0])).sum() for layer in layers)])

        found = [_bisect(below, low, high, np.array([each * values])) for each in (1 - quantile, quantile)]
        lows, highs = _range(found[0], found[1], low, high, quantile)
        return float(lows[0]), float(highs[0])


def _bisect(below: Callable[[Array], Array], low: Array, high: Array, wanted: Array) -> Array:
    """Find the least values below which there are as many means as wanted; 0 where the last of these is a zero."""
    none, least = np.zeros_like(low), np.full_like(low, np.finfo(np.float64).smallest_subnormal)
    is_zero = (below(none) < wanted) & (below(least) >= wanted)
    for _ in range(HALVINGS):
        middle = low + (high - low) / 2
        enough = below(middle) >= wanted
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(is_zero, 0, high)


def _range(lower: Array, upper: Array, low: Array, high: Array, quantile: float) -> tuple[Array, Array]:
    """The rule of `entropy.measuring.histograms.value_range`, from quantiles and extremes."""
    if quantile == 1:
        lower, upper = low, high
    return np.minimum(np.where(low < 0, lower, 0), 0), np.maximum(upper, 0)
