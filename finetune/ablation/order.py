"""In which order filters are silenced: by a measure, lowest or highest first, or at random."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from entropy.measuring.measures import MEASURES, Source
from entropy.measuring.table import Table
from prototxt.formats.schema import NetParameter
from prototxt.formats.weights import Weights

RANDOM = "random"
HIGHEST_FIRST = "-"
"""Before a measure's name: the filters with the highest values are silenced first."""


def order_of(
    table: Table, measure: str, weights: tuple[NetParameter, Weights] | None = None, seed: int = 0
) -> np.ndarray:
    """Rank all filters of a table.

    Parameters
    ----------
    measure : a name of `entropy.measuring.measures.MEASURES`; with `HIGHEST_FIRST` before it, the other way round.
    weights : the net that was scanned and its weights; only weight magnitudes need them.
    seed : of the random order; of a measure, of the order among equal values.

    Returns
    -------
    (M,) int: rows of the table, those that are silenced first to the front.

    Raises
    ------
    PlanError : the table lacks what the measure needs.
    """
    sign = -1.0 if measure.startswith(HIGHEST_FIRST) else 1.0
    scores = MEASURES[measure.removeprefix(HIGHEST_FIRST)].scores(Source(table, seed, weights))  # type: ignore[index]
    ties = np.random.default_rng(seed).permutation(len(scores))
    return np.lexsort((ties, sign * scores))


def first_of(table: Table, order: np.ndarray, share: float, layer: str | None = None) -> dict[str, np.ndarray]:
    """Choose the first filters of an order.

    Parameters
    ----------
    order : (M,) rows of the table.
    share : of the filters in scope, in [0, 1]; their number is rounded.
    layer : the scope; None for the whole net.

    Returns
    -------
    Layer to (units,) bool, for the layers in scope.
    """
    within = order if layer is None else order[table.layer[order] == layer]
    chosen = within[: round(share * len(within))]
    mask = np.zeros(len(table), bool)
    mask[chosen] = True
    names: Sequence[str] = table.layers if layer is None else (layer,)
    return {name: mask[table.layer == name] for name in names}


def first_of_each(table: Table, order: np.ndarray, share: float) -> dict[str, np.ndarray]:
    """Choose the first filters of an order in every layer, the same share of each; result as `first_of`."""
    chosen: dict[str, np.ndarray] = {}
    for name in table.layers:
        chosen |= first_of(table, order, share, name)
    return chosen
