"""Few learning-rate levels in place of many: every level of a layer costs one Caffe layer."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entropy.errors import PlanError

Array = NDArray[np.float64]
DEFAULT_LEVELS = 8


@dataclass(frozen=True)
class QuantizationError:
    """How far the realised multipliers are from the requested ones.

    Parameters
    ----------
    rms, largest : root mean square and largest absolute difference.
    """

    rms: float
    largest: float

    @classmethod
    def between(cls, requested: Array, realised: Array) -> QuantizationError:
        """Compare two arrays of the same shape."""
        difference = np.asarray(realised) - np.asarray(requested)
        return cls(float(np.sqrt(np.mean(difference**2))), float(np.abs(difference).max()))


def quantize(multipliers: Array, levels: int | None = DEFAULT_LEVELS) -> Array:
    """Replace the multipliers of one layer by at most ``levels`` different ones.

    The levels minimise the squared error (k-means, solved exactly, so that the result does not depend on a seed).
    Exactly 0 and exactly 1 are levels of their own and count among ``levels``; a positive multiplier never becomes 0.
    Levels are rounded to four significant digits, as they stand in the prototxt.

    Parameters
    ----------
    multipliers : (units,) non-negative.
    levels : at least 3, or None to keep every value (rounded to float32, as Caffe stores it).

    Returns
    -------
    (units,) float64.

    Raises
    ------
    PlanError : fewer than 3 levels, or a negative or non-finite multiplier.
    """
    values = np.asarray(multipliers, np.float64)
    if not np.isfinite(values).all() or (values < 0).any():
        raise PlanError("a learning-rate multiplier must be a number of at least 0")
    if levels is None:
        return _float32(values)
    if levels < 3:
        raise PlanError(f"levels must be at least 3 (0, 1 and one between) or exact; got {levels}")
    result = values.copy()
    fixed = [level for level in (0.0, 1.0) if (values == level).any()]
    between = ~np.isin(values, fixed)
    if between.any():
        result[between] = _cluster(values[between], levels - len(fixed))
    return result


def _float32(values: Array) -> Array:
    stored = values.astype(np.float32).astype(np.float64)
    smallest = float(np.finfo(np.float32).tiny)
    return np.where((values > 0) & (stored < smallest), smallest, stored)


def _cluster(values: Array, count: int) -> Array:
    """Replace each value by the mean of its cluster, four significant digits; at most ``count`` clusters."""
    distinct, inverse, weights = np.unique(values, return_inverse=True, return_counts=True)
    if len(distinct) <= count:
        return _four_digits(distinct)[inverse]
    starts = best_clusters(distinct, weights.astype(np.float64), count)
    bounds = [*starts, len(distinct)]
    means = np.empty(len(distinct))
    for start, end in itertools.pairwise(bounds):
        means[start:end] = np.average(distinct[start:end], weights=weights[start:end])
    return _four_digits(means)[inverse]


def _four_digits(values: Array) -> Array:
    return np.array([float(f"{value:.4g}") for value in values])


def best_clusters(values: Array, weights: Array, count: int) -> list[int]:
    """Find the partition of sorted values into ``count`` runs with the smallest weighted squared error.

    Parameters
    ----------
    values : (n,) strictly ascending.
    weights : (n,) positive.
    count : number of runs, 1 <= count <= n.

    Returns
    -------
    The first index of every run.

    References
    ----------
    Wang and Song (2011), "Ckmeans.1d.dp: optimal k-means clustering in one dimension by dynamic programming".
    """
    n = len(values)
    centred = values - values.mean()
    w, wx, wxx = (np.concatenate([[0.0], np.cumsum(weights * centred**power)]) for power in (0, 1, 2))

    def cost(starts: NDArray[np.intp], end: int) -> Array:
        mass, moment = w[end] - w[starts], wx[end] - wx[starts]
        return np.maximum(wxx[end] - wxx[starts] - moment**2 / mass, 0.0)

    error = np.array([0.0] + [cost(np.array([0]), end)[0] for end in range(1, n + 1)])
    choice = np.zeros((count, n + 1), np.intp)
    for run in range(1, count):
        previous, error = error, np.full(n + 1, np.inf)
        for end in range(run + 1, n + 1):
            starts = np.arange(run, end)
            total = previous[starts] + cost(starts, end)
            choice[run, end] = starts[np.argmin(total)]
            error[end] = total.min()
    starts_found = [n]
    for run in range(count - 1, 0, -1):
        starts_found.append(int(choice[run, starts_found[-1]]))
    return [0, *reversed(starts_found[1:])]
