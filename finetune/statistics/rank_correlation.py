"""How sure a rank correlation of filters is: over the filters of each layer, and over seeds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from finetune.statistics.uncertainty import CONFIDENCE, Estimate

Array = NDArray[np.float64]
RESAMPLES = 1000


def correlations_within_layers(
    scores: Array,
    outcomes: Array,
    layers: NDArray[np.str_],
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> list[Estimate]:
    """Spearman's rank correlation of scores of filters with what became of them: the mean of those within the layers.

    Layers count alike, however many filters they have, so that differences between layers do not come in. For the
    interval the filters of every layer and the seeds are drawn anew, with replacement (percentile bootstrap).

    Parameters
    ----------
    scores : (measures, filters).
    outcomes : (seeds, filters) of runs with these seeds; infinite values rank last.
    layers : (filters,) the layer of every filter. One name for all of them gives the correlation over the whole net.
    resamples, confidence, seed : of the interval.

    Returns
    -------
    An estimate for every measure; not a number for one that is constant in every layer.

    References
    ----------
    Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapters 6 and 13.
    """
    generator = np.random.default_rng(seed)
    runs = len(outcomes)
    weights = np.vstack([np.full(runs, 1 / runs), generator.multinomial(runs, [1 / runs] * runs, resamples) / runs])
    found = []  # a layer: (1 + resamples, measures); the first of them is the sample itself
    for name in dict.fromkeys(layers.tolist()):
        rows = np.flatnonzero(layers == name)
        drawn = np.vstack([rows, generator.choice(rows, (resamples, len(rows)))])
        ranked = [_ranks(outcome[drawn]) for outcome in outcomes]
        each = [[(_ranks(score[drawn]) * rank).sum(1) for rank in ranked] for score in scores]
        found.append(np.einsum("msr,rs->rm", np.array(each), weights))
    means = _mean_of_known(np.array(found))
    return [_estimate(float(column[0]), column[1:], confidence) for column in means.T]


def _estimate(value: float, resampled: Array, confidence: float) -> Estimate:
    known = resampled[np.isfinite(resampled)]
    if not len(known):
        return Estimate(value, value, value)
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return Estimate(value, float(low), float(high))


def _ranks(values: Array) -> Array:
    """Ranks along the last axis, centred and of length 1; not a number where all values are equal."""
    ranks = rankdata(values, axis=-1)
    ranks -= ranks.mean(-1, keepdims=True)
    length = np.sqrt(np.square(ranks).sum(-1, keepdims=True))
    return np.divide(ranks, length, out=np.full_like(ranks, np.nan), where=length > 0)


def _mean_of_known(values: Array) -> Array:
    """Mean over the first axis, of the numbers among them."""
    known = np.isfinite(values)
    count = known.sum(0)
    total = np.where(known, values, 0).sum(0)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
