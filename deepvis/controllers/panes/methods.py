"""The selected unit in the thesis's six methods: its histogram, H, its place, and the coefficient of each method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.facts import Facts
from deepvis.controllers.panes.histograms import Histogram
from deepvis.controllers.panes.registry import pane
from deepvis.controllers.sources import Sources
from deepvis.state.resolve import DisplayState
from entropy import Plan
from entropy.measuring.measurement import largest_h
from entropy.planning.transfer import TRANSFER
from prototxt.common.errors import InputError

Array = NDArray[np.float64]
_POINTS = 256  # of a curve


@dataclass(frozen=True, eq=False)
class MethodRow:
    """What one method gives the unit.

    Parameters
    ----------
    title : such as ``M2  1 if H < th else 0``.
    reference : the threshold or Hmax, in words.
    coefficient : of the learning rate, in [0, 1].
    realised : after the quantiser: what Caffe gets.
    share_free : of all filters, in [0, 1].
    curve : (points,) the coefficient over `MethodsContent.h`.
    """

    title: str
    reference: str
    coefficient: float
    realised: float
    share_free: float
    curve: Array


@dataclass(frozen=True, eq=False)
class MethodsContent:
    """A unit in the six methods, or what is missing.

    Parameters
    ----------
    unit_text : such as ``conv5:37``.
    bits, hmax : H of the unit, and the largest H of what shares its bins.
    words : H, ranks, and how often the unit is silent.
    histogram : S_n.
    h : (points,) values of H that the curves are over.
    rows : by method.
    note : what to think of; empty for nothing.
    """

    unit_text: str = ""
    bits: float = 0.0
    hmax: float = 0.0
    words: tuple[str, ...] = ()
    histogram: Histogram | None = None
    h: Array = field(default_factory=lambda: np.zeros(0))
    rows: tuple[MethodRow, ...] = ()
    note: str = ""
    missing: str = ""


@pane("methods", "Methods: coefficients of the unit")
def make_methods(state: DisplayState, sources: Sources) -> Iterator[MethodsContent]:
    """Look the unit up in the table of filters and in the plan of each method."""
    facts, layer = sources.session.facts, state.layer.name
    if facts is None:
        yield MethodsContent(missing=sources.session.facts_missing)
        return
    yield MethodsContent(missing="Measuring H of all filters")
    try:
        layers = facts.filters.table.layers
    except InputError as error:
        yield MethodsContent(missing=str(error))
        return
    if layer not in layers:
        yield MethodsContent(missing=f"H gives rates to the filters of {', '.join(layers)}; {layer} keeps its own rate")
        return
    yield _content(facts, layer, state.unit, state.unit_text)


def _content(facts: Facts, layer: str, unit: int, unit_text: str) -> MethodsContent:
    table, known = facts.filters.table, facts.unit(layer, unit)
    row = int(np.flatnonzero((table.layer == layer) & (table.index == unit))[0])
    bits = float(table.h[row])
    hmax = float(largest_h(table.layer, table.h, "network" if table.provenance.scope == "network" else "layer")[row])
    same = int(table.ties[row])
    h = np.linspace(0.0, float(np.log2(table.bins[row])), _POINTS)
    return MethodsContent(
        unit_text,
        bits,
        hmax,
        (
            f"H {bits:.4f} bit of at most {np.log2(table.bins[row]):.4g}",
            f"rank {known.rank} of {known.units} in {layer}" + (f", {same} more with this H" if same else ""),
            f"rank {table.rank[row]} of {len(table)} in the net",
            "dead: silent on every picture" if table.dead[row] else f"silent on {table.zeros[row]:.1%} of the pictures",
        ),
        Histogram(f"S_n: mean activation over {known.images} pictures", known.counts, known.low, known.high),
        h,
        tuple(_row(method, plan, layer, unit, h, hmax) for method, plan in facts.filters.plans.items()),
        facts.filters.note,
    )


def _row(method: int, plan: Plan, layer: str, unit: int, h: Array, hmax: float) -> MethodRow:
    transfer = TRANSFER[method]
    hard = transfer.hard and plan.threshold is not None
    reference = np.full_like(h, plan.threshold if hard else hmax)
    return MethodRow(
        f"M{method}  {plan.formula}",
        f"th {plan.threshold:.4f} bit" if hard else f"Hmax {hmax:.4f} bit",
        plan.layers[layer].requested[unit],
        plan.layers[layer].realised[unit],
        plan.share_free,
        transfer.function(np.minimum(h, reference) if not hard else h, reference),
    )
