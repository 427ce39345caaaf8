"""Which filters may learn: those with the lowest scores, over the whole net or in each layer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from entropy.measuring.table import Table
from finetune.errors import ExperimentError

Array = NDArray[np.float64]


def lowest_of_net(table: Table, scores: Array, count: int) -> dict[str, Array]:
    """Free the filters with the lowest scores of the net.

    Parameters
    ----------
    table : of all filters.
    scores : (M,) of every filter; filters with equal scores are taken in the order of `Table.rank`.
    count : how many are free.

    Returns
    -------
    Layer to the rate of each of its filters, 1 for free and 0 for frozen.
    """
    free = np.zeros(len(table))
    free[_ascending(table, scores)[:count]] = 1
    return {name: free[table.layer == name] for name in table.layers}


def lowest_of_layers(table: Table, scores: Array, counts: Mapping[str, int]) -> dict[str, Array]:
    """Free the filters with the lowest scores of each layer; parameters and result as `lowest_of_net`.

    Parameters
    ----------
    counts : layer to how many of its filters are free; layers that it does not name have none.

    Raises
    ------
    ExperimentError : a layer has fewer filters, or is not in the table.
    """
    free = np.zeros(len(table))
    order = _ascending(table, scores)
    for name, count in counts.items():
        rows = order[table.layer[order] == name]
        if len(rows) < count:
            raise ExperimentError(f"layer {name!r} has {len(rows)} filters in the table; {count} cannot be free")
        free[rows[:count]] = 1
    return {name: free[table.layer == name] for name in table.layers}


def free_counts(rates: Mapping[str, Array]) -> dict[str, int]:
    """Layer to the number of its filters with a rate above 0."""
    return {name: int((np.asarray(of_layer) > 0).sum()) for name, of_layer in rates.items()}


def _ascending(table: Table, scores: Array) -> NDArray[np.int64]:
    return np.lexsort((table.rank, scores))
