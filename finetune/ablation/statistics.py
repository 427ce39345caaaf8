"""What curves say: how far a measure is from random orders, and how alike measures are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from entropy.measuring.table import Table
from finetune.ablation.curves import Curve
from finetune.ablation.order import RANDOM


@dataclass(frozen=True)
class Standing:
    """How a measure's curve stands among those of random orders, in one scope.

    Parameters
    ----------
    measure, scope : of the curve.
    kept : mean accuracy over the shares.
    random_mean, random_low, random_high : mean, smallest and largest of the same over random orders.
    above : random orders that keep less than the measure; ``random`` of them there are.
    """

    measure: str
    scope: str
    kept: float
    random_mean: float
    random_low: float
    random_high: float
    above: int
    random: int

    @property
    def gain(self) -> float:
        """What the measure keeps more than random orders on average."""
        return self.kept - self.random_mean

    @property
    def chance(self) -> float:
        """Share of the orders, this one among them, that keep at least as much: the p-value of a permutation test."""
        return (self.random - self.above + 1) / (self.random + 1)

    @property
    def verdict(self) -> str:
        """`better` or `worse` than random orders where fewer than 1 of 20 is as extreme, else `as random`."""
        if self.chance < 0.05:
            return "better"
        return "worse" if (self.above + 1) / (self.random + 1) < 0.05 else "as random"


def standings(curves: Sequence[Curve]) -> list[Standing]:
    """Compare every measure with the random orders of its scope."""
    found = []
    for scope in dict.fromkeys(curve.scope for curve in curves):
        within = [curve for curve in curves if curve.scope == scope]
        random = np.array([curve.kept for curve in within if curve.measure == RANDOM])
        for curve in within:
            if curve.measure != RANDOM and len(random):
                above = int((random < curve.kept).sum())
                low, high = float(random.min()), float(random.max())
                mean = float(random.mean())
                found.append(Standing(curve.measure, scope, curve.kept, mean, low, high, above, len(random)))
    return found


def rank_correlation(first: np.ndarray, second: np.ndarray, table: Table) -> tuple[float, float]:
    """Spearman's rank correlation of two measures.

    Parameters
    ----------
    first, second : (M,) scores of all filters.
    table : which filter is in which layer.

    Returns
    -------
    Over the whole net, and the mean of those within the layers; NaN where a measure is constant.
    """
    rows = [table.layer == layer for layer in table.layers]
    layers = [_spearman(first[row], second[row]) for row in rows]
    within = float(np.nanmean(layers)) if np.isfinite(layers).any() else float("nan")
    return _spearman(first, second), within


def _spearman(first: np.ndarray, second: np.ndarray) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(spearmanr(first, second).statistic)
