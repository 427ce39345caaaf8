"""The rates of whole layers: what the plan does not name."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping

import numpy as np

from entropy.errors import PlanError
from entropy.planning.learning import planned_companions
from entropy.planning.plan import Plan
from entropy.surgery.extended import Extended
from prototxt.common.names import unknown_name
from prototxt.formats.parameter_blobs import parameter_count
from prototxt.formats.schema import NetParameter

Rates = Mapping[str, float]


def layer_rates(net: NetParameter, plan: Plan, given: Rates, extended: Extended | None = None) -> dict[str, float]:
    """Give the multipliers of layers that the plan does not name.

    Parameters
    ----------
    net : the training net.
    given : what the user says, by layer.
    extended : where the old net keeps its head. Then its layers are frozen, but for those that the plan or ``given``
        names; otherwise layers that nobody names learn at the full rate.

    Returns
    -------
    Layer to multiplier, for `entropy.surgery.rates.with_rates`.

    Raises
    ------
    PlanError : a rate for a layer that is not there, that the plan has rates for, that is frozen because others share
        its parameters, or that is no number of at least 0.
    """
    known = [layer.name for layer in net.layer if parameter_count(layer) != 0]
    for name, rate in given.items():
        _refuse(name, rate, known, plan, extended)
    if extended is None:
        return dict(given)
    free = planned_companions(net, plan.multipliers)
    own = {name: rate for name, rate in _scalars(extended) if name not in plan.layers and name not in free}
    return {name: rate for name, rate in (own | dict(given)).items() if name in known}


def _refuse(name: str, rate: float, known: Collection[str], plan: Plan, extended: Extended | None) -> None:
    """Refuse a rate that is none, or that the layer cannot have."""
    what = f"--rate {name}={rate:g}"
    if not (math.isfinite(rate) and rate >= 0):
        raise PlanError(f"{what}: a learning-rate multiplier must be a number of at least 0")
    if name in plan.layers:
        raise PlanError(f"{what}: the plan has a rate for every filter of this layer; leave it out")
    if name in _tied(extended) and rate > 0:
        raise PlanError(
            f"{what}: the old net and the new task share this layer's parameters, so they stay frozen; give the new "
            "task its own (--own-layers), or leave it out"
        )
    old = set() if extended is None else extended.rates.keys() - set(extended.new_layers)
    if name not in known and name not in old:
        raise PlanError(f"--rate: {unknown_name('layer with parameters', name, known)}")
    if name not in known and rate > 0:
        raise PlanError(f"{what}: this old layer does not lead to the new head, so it cannot learn")


def _tied(extended: Extended | None) -> set[str]:
    """Layers whose parameters the old net and the new task share."""
    return set() if extended is None else {*extended.shared, *(extended.copied_from[name] for name in extended.shared)}


def refuse_changes(plan: Plan, given: Rates, new_layers: Collection[str]) -> None:
    """Refuse what would change the old net, where it is to stay exactly as it is.

    Parameters
    ----------
    new_layers : what is not the old net's.

    Raises
    ------
    PlanError : the plan frees old filters, or an old layer is given a rate.
    """
    free = {name: int((rates > 0).sum()) for name, rates in plan.multipliers.items() if name not in new_layers}
    freed = sum(free.values())
    if freed:
        where = ", ".join(name for name, count in free.items() if count)
        raise PlanError(
            f"the plan lets {freed} filters of the old net learn ({where}), which --preserve exact forbids; leave out "
            "the plan, or --preserve exact"
        )
    learning = [name for name, rate in given.items() if rate > 0 and name not in new_layers]
    if learning:
        raise PlanError(
            f"--rate {learning[0]}={given[learning[0]]:g} lets a layer of the old net learn, which --preserve exact "
            "forbids; leave out one of the two"
        )


def _scalars(extended: Extended) -> Iterator[tuple[str, float]]:
    for name, rate in extended.rates.items():
        if not isinstance(rate, np.ndarray):
            yield name, rate
