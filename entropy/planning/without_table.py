"""A plan that comes from no table: rates that are given, or none at all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from entropy.errors import PlanError
from entropy.planning.plan import LayerPlan, Plan


def plan_of_rates(multipliers: Mapping[str, NDArray[np.float64]], weights_hash: str, formula: str) -> Plan:
    """Make a plan of multipliers.

    Parameters
    ----------
    multipliers : layer name to the rate of each of its filters; may be empty.
    weights_hash : of the model that they are for.
    formula : where they come from, as shown to people.
    """
    return with_rates_of(
        Plan(
            method=0,
            formula=formula,
            threshold=None,
            share_wanted=None,
            share_free=0.0,
            hmax="layer",
            levels=None,
            weights_hash=weights_hash,
            images_hash="",
            preprocessing_hash="",
            measured={},
            layers={},
        ),
        multipliers,
    )


def with_rates_of(plan: Plan, multipliers: Mapping[str, NDArray[np.float64]]) -> Plan:
    """Add layers to a plan.

    Raises
    ------
    PlanError : the plan has rates for one of them already.
    """
    twice = [name for name in multipliers if name in plan.layers]
    if twice:
        raise PlanError(
            f"filters of layer {twice[0]!r} are freed, but the plan has rates for them too; leave out one of the two"
        )
    added = {name: LayerPlan.of(np.asarray(rates), None) for name, rates in multipliers.items()}
    layers = plan.layers | added
    free = [rate > 0 for layer in layers.values() for rate in layer.realised]
    return plan.model_copy(update={"layers": layers, "share_free": float(np.mean(free)) if free else 0.0})
