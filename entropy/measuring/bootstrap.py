"""How sure H is: confidence intervals from resampled images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DEFAULT_CONFIDENCE = 0.95


def bootstrap_interval(
    counts: NDArray[np.int64], resamples: int, confidence: float = DEFAULT_CONFIDENCE, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give a confidence interval of the entropy of every row of counts, in bits.

    Drawing N images with replacement makes a filter's counts multinomial, so the counts themselves are drawn; the bins
    stay as they are. The interval is the basic one, [2 H - upper quantile, 2 H - lower quantile] of the resampled
    entropies: resampling lowers H by about as much as H lies below the true entropy, so the interval corrects for this
    bias, and with few images for many bins it lies above the plug-in H.

    Parameters
    ----------
    counts : (C, bins) histograms of the same N images.
    resamples : number of resampled data sets, at least 2.
    confidence : in (0, 1).
    seed : of the random numbers.

    Returns
    -------
    low, high : (C,) each, between 0 and log2(bins).

    References
    ----------
    Davison and Hinkley (1997), "Bootstrap methods and their application", section 5.2.
    """
    generator = np.random.default_rng(seed)
    images = int(counts[0].sum())
    numbers = np.arange(images + 1, dtype=np.float64)
    terms = numbers * np.log2(np.maximum(numbers, 1))  # k log2 k of every count that can occur
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)
    low, high = np.empty(len(counts)), np.empty(len(counts))
    for row, histogram in enumerate(counts):
        occupied = histogram[histogram > 0]
        entropy = np.log2(images) - terms[occupied].sum() / images
        drawn = generator.multinomial(images, occupied / images, size=resamples)
        resampled = np.log2(images) - terms[drawn].sum(axis=1) / images
        lower, upper = np.quantile(resampled, tails)
        low[row], high[row] = 2 * entropy - upper, 2 * entropy - lower
    most = np.log2(counts.shape[1])
    return np.clip(low, 0, most), np.clip(high, 0, most)
