"""The net before and after fine-tuning: the change of every filter, and the selected layer in both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.compare import Comparison
from deepvis.compute.unit_tiles import Pace
from deepvis.controllers.contents import GridContent
from deepvis.controllers.panes.registry import pane
from deepvis.controllers.present import grid_content
from deepvis.controllers.sources import LayerValues, Sources
from deepvis.session.session import Session
from deepvis.state.resolve import DisplayState
from prototxt.common.errors import InputError

COLUMNS = ("layer", "unit", "Δ weights", "before", "after", "Δ mean", "H", "rate")
TOOLTIPS = (
    "layer of the filter",
    "number of the filter",
    "length of the change of its weights over their length before; 0: not a bit has changed",
    "mean activation before, over the pictures",
    "mean activation after",
    "after minus before: below 0 the filter answers more weakly",
    "entropy of its mean activation over the scanned pictures, bit",
    "multiplier of its learning rate in the plan",
)


@dataclass(frozen=True, eq=False)
class CompareContent:
    """Table and grids, or what is missing.

    Parameters
    ----------
    columns : by `COLUMNS`, (filters,) each; NaN where a number is not known.
    note : what is compared, and how far it is.
    grids : title and content of the layer before and after, and the difference; empty until there is a picture.
    """

    columns: tuple[NDArray[Any], ...] = ()
    note: str = ""
    grids: tuple[tuple[str, GridContent], ...] = ()
    missing: str = ""


@pane(
    "compare",
    "Before and after fine-tuning",
    follows=("layer", "value", "grid", "colours", "contrast"),
    live=True,
    lane="net",
)
def make_comparison(state: DisplayState, sources: Sources) -> Iterator[CompareContent]:
    """The layer on the picture at hand first, then the table, which fills while both nets see more pictures."""
    session = sources.session
    if session.after is None:
        yield CompareContent(
            missing="No net to compare with: drop the caffemodel after fine-tuning here, or open it (File, --after)"
        )
        return
    both = session.after.beside(session.engine)
    grids = _grids(state, sources, both) if sources.activations is not None else ()
    yield _content(session, both, grids)
    if session.images is None:
        return
    pace = Pace()
    for done in both.measuring(session.images):
        if pace.due() or done == both.wanted:
            yield _content(session, both, grids)


def _content(session: Session, both: Comparison, grids: tuple[tuple[str, GridContent], ...]) -> CompareContent:
    changes = both.changes()
    layer = np.concatenate([np.array([each.layer] * len(each.weights), object) for each in changes])
    unit = np.concatenate([np.arange(len(each.weights)) for each in changes])
    weights, before, after = (
        np.concatenate([getattr(each, name) for each in changes]) for name in ("weights", "before", "after")
    )
    bits, rates = _h_and_rates(session, layer, unit)
    assert session.after is not None, "there is something to compare with"
    unchanged = int((weights == 0).sum())
    note = f"{session.after.path.name}: {unchanged} of {len(weights)} filters have not changed by a bit"
    if both.wanted:
        note += f"; activity over {both.seen} of {both.wanted} pictures"
    return CompareContent((layer, unit, weights, before, after, after - before, bits, rates), note, grids)


def _h_and_rates(session: Session, layer: NDArray[Any], unit: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """H and rate of every row; NaN where scan or plan says nothing."""
    bits, rates = np.full(len(layer), np.nan), np.full(len(layer), np.nan)
    facts = session.facts
    if facts is None:
        return bits, rates
    for name in dict.fromkeys(layer.tolist()):
        rows = layer == name
        try:
            table = facts.filters.table
            found = table.h[table.layer == name]
        except InputError:
            found = np.zeros(0)
        for column, values in ((bits, found), (rates, np.asarray(facts.multipliers.get(name, ())))):
            if len(values) == rows.sum():
                column[rows] = values[unit[rows]]
    return bits, rates


def _grids(state: DisplayState, sources: Sources, both: Comparison) -> tuple[tuple[str, GridContent], ...]:
    """The layer before and after on one scale, and the difference."""
    assert sources.activations is not None, "there is a picture"
    first = sources.activations.maps[state.value]
    second = both.maps(sources.activations.frame).maps[state.value]
    low, high = min(float(first.min()), float(second.min())), max(float(first.max()), float(second.max()))
    same = state.model_copy(update={"scale": "layer", "boost": 0.0})
    moved = second - first
    reach = float(np.abs(moved).max())
    return (
        ("before", grid_content(same, LayerValues(first, (low, high)))),
        ("after", grid_content(same, LayerValues(second, (low, high)))),
        ("after - before", grid_content(same, LayerValues(moved, (-reach or -1.0, reach or 1.0)))),
    )
