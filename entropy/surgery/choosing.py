"""How many filters of a layer, and which: by H or by a control in its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from entropy.errors import SurgeryError
from entropy.measuring.measures import MeasureName, Source, scores_by
from entropy.measuring.table import Table
from prototxt.formats.schema import NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.graph import NetGraph
from prototxt.split.layouts import unit_count

WIDENABLE = ("Convolution", "InnerProduct")


def filter_counts(graph: NetGraph, wanted: Mapping[str, int | float]) -> dict[str, int]:
    """Turn numbers and shares into numbers of filters.

    Parameters
    ----------
    wanted : layer to a number of filters (int, at least 1) or a share of the layer's filters (float, above 0), rounded,
        at least one filter.

    Returns
    -------
    Layer to number, in the net's order.

    Raises
    ------
    SurgeryError : nothing is wanted, a number is not positive, or the layer is no Convolution or InnerProduct.
    NetError : there is no such layer.
    """
    if not wanted:
        raise SurgeryError("name at least one layer and a number of its filters")
    counts = {}
    for node in sorted((graph.node(name) for name in wanted), key=lambda node: node.index):
        number = wanted[node.name]
        if node.type not in WIDENABLE:
            raise SurgeryError(f"{node}: has no filters to choose; {' and '.join(WIDENABLE)} layers have")
        if not (np.isfinite(number) and number > 0):
            raise SurgeryError(f"{node}: needs a number of filters of at least 1, or a share above 0; got {number:g}")
        whole = isinstance(number, int)
        counts[node.name] = int(number) if whole else max(1, round(number * unit_count(node.layer)))
    return counts


def choose_filters(
    table: Table,
    counts: Mapping[str, int],
    by: MeasureName = "entropy",
    *,
    highest: bool = False,
    seed: int = 0,
    weights: Path | str | tuple[NetParameter, Weights] | None = None,
) -> dict[str, tuple[int, ...]]:
    """Choose the filters with the lowest or the highest score of their layer.

    Parameters
    ----------
    table : from `entropy.measure`.
    counts : layer to number of filters.
    by : a measure of `entropy.measuring.measures.MEASURES`: ``entropy``, ``taylor``, ``random``, …
    highest : the highest scores instead of the lowest.
    seed, weights : for random scores and for weight magnitudes.

    Returns
    -------
    Layer to indices, ascending. Of filters with equal scores the first are taken.

    Raises
    ------
    SurgeryError : the table has no such layer, or not as many filters.
    PlanError : the table lacks what the measure needs.
    """
    scores = scores_by(by, Source(table, seed, weights))
    chosen = {}
    for layer, count in counts.items():
        own = scores[table.layer == layer]
        if count > len(own):
            raise SurgeryError(
                f"layer {layer!r}: {count} filters are wanted, and the table has {len(own)} of this layer; measure it, "
                "or take fewer"
            )
        order = np.argsort(-own if highest else own, kind="stable")
        chosen[layer] = tuple(sorted(order[:count].tolist()))
    return chosen
