"""The numbers that units can be sorted and filtered by, from the picture, the scan and the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.facts import Facts
from deepvis.compute.order import class_selectivity
from deepvis.controllers.sources import Sources
from deepvis.state.resolve import DisplayState
from entropy.errors import ScanError

Array = NDArray[np.float64]

LIVE = ("activation", "mean")
"""Those of the picture at hand."""


def unit_values(names: Iterable[str], state: DisplayState, sources: Sources) -> dict[str, Array]:
    """Numbers of the layer's units.

    Parameters
    ----------
    names : of `deepvis.compute.order.NUMBERS`; those of `LIVE` need ``sources.values``.

    Returns
    -------
    By name, (C,) each.

    Raises
    ------
    ScanError : where there is no scan, plan or class to have them from.
    """
    found = {}
    for name in names:
        values = _of_picture(name, sources) if name in LIVE else _of_scan(name, state, sources)
        if len(values) != state.layer.units:
            raise ScanError(
                f"layer {state.layer.name}: the scan has {len(values)} units, the model {state.layer.units}; scan again"
            )
        found[name] = values.astype(np.float64)
    return found


def _of_picture(name: str, sources: Sources) -> Array:
    assert sources.values is not None, "asked for only when the net has answered"
    rows = sources.values.maps.reshape(len(sources.values.maps), -1)
    return rows.max(1) if name == "activation" else rows.mean(1, dtype=np.float64)


def _of_scan(name: str, state: DisplayState, sources: Sources) -> Array:
    facts = sources.session.facts
    if facts is None:
        raise ScanError(f"units cannot be ordered by {name}: {sources.session.facts_missing}")
    return _READERS[name](facts, state.layer.name)


def _rates(facts: Facts, layer: str) -> Array:
    if layer not in facts.multipliers:
        plan = "the plan leaves it out" if facts.multipliers else "make a plan with python -m entropy plan"
        raise ScanError(f"layer {layer} has no rates of its filters: {plan}")
    return np.asarray(facts.multipliers[layer])


def _dead_share(facts: Facts, layer: str) -> Array:
    if layer in facts.filters.table.layers:
        return facts.filters.table.of_layer(layer)["zeros"]
    means = facts.read(lambda scan: scan.means(layer))
    return (means[np.isfinite(means).all(1)] == 0).mean(0)


_READERS: dict[str, Callable[[Facts, str], NDArray]] = {
    "scan mean": lambda facts, layer: facts.read(lambda scan: scan.statistics(layer).mean),
    "H": lambda facts, layer: facts.histogram(layer).bits,
    "rate": _rates,
    "dead share": _dead_share,
    "selectivity": lambda facts, layer: class_selectivity(facts.read(lambda scan: scan.class_means(layer))),
    "class": lambda facts, layer: np.nanargmax(facts.read(lambda scan: scan.class_means(layer)), 0),
}
