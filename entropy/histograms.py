"""Histograms of mean activations and their entropy: the arithmetic, on plain arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

DEFAULT_BINS = 256
DEFAULT_QUANTILE = 0.999


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


def histogram_counts(means: NDArray[np.floating], low: ArrayLike, high: ArrayLike, bins: int) -> NDArray[np.int64]:
    """Count how often each filter's mean activation fell into each of ``bins`` equal bins between low and high.

    Bin i holds ``edge[i] <= mean < edge[i + 1]`` with the edges of ``numpy.linspace``, as in `numpy.histogram`; what
    lies above the range is counted in the last bin, what lies below in the first.

    Parameters
    ----------
    means : (N, C) mean activations.
    low, high : scalars, or (C,) where every filter has a range of its own.
    bins : at least 2.

    Returns
    -------
    (C, bins) counts; every row sums to N. With low == high everything is in the first bin.
    """
    count = means.shape[1]
    lows, highs = (np.broadcast_to(np.asarray(bound, np.float64), count) for bound in (low, high))
    counts = np.empty((count, bins), np.int64)
    for index in range(count):
        column = np.asarray(means[:, index], np.float64)
        counts[index] = np.bincount(_bin_of(column, lows[index], highs[index], bins), minlength=bins)
    return counts


def _bin_of(values: NDArray[np.float64], low: float, high: float, bins: int) -> NDArray[np.intp]:
    if not high > low:
        return np.zeros(values.shape, np.intp)
    edges = np.linspace(low, high, bins + 1)
    # Interpolating and then comparing with the edges is several times faster than a binary search and gives the same.
    guess = np.clip((values - low) * (bins / (high - low)), 0, bins - 1).astype(np.intp)
    guess -= (values < edges[guess]) & (guess > 0)
    guess += (values >= edges[guess + 1]) & (guess < bins - 1)
    return guess


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


def miller_madow_bits(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Entropy of each row of counts with the Miller-Madow correction of the bias, in bits: H + (m - 1) / (2 N ln 2).

    m is the number of bins that are not empty and N the row's sum. The result can exceed log2(bins) slightly.

    References
    ----------
    Miller (1955), "Note on the bias of information estimates".
    """
    occupied = (counts > 0).sum(axis=1)
    return entropy_bits(counts) + (occupied - 1) / (2 * counts.sum(axis=1) * np.log(2))
