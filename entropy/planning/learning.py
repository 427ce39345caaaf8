"""What of a net learns under a plan: every layer with parameters, those that the plan does not name too."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prototxt.common.errors import NetError
from prototxt.formats.parameter_blobs import parameter_count
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.net.layer_types import UNIT_TYPES
from prototxt.net.phases import filter_net
from prototxt.split import fill_param_specs
from prototxt.split.chains import companions
from prototxt.split.layouts import filter_axis, unit_count

How = Literal["planned", "whole", "frozen", "new", "statistics"]
Multipliers = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Learning:
    """How a layer with parameters learns.

    Parameters
    ----------
    layer, type : its name and Caffe's type string.
    how : "planned", filter by filter, as the plan says, also a layer that belongs to planned filters; "whole", all of
        it at the rate that the net gives; "new", the same of a layer that the source net has not; "frozen", not at all;
        "statistics" of BatchNorm, which have no gradient.
    free, units : how many of its filters (units, channels) have a rate above 0, and how many it has; None where
        parameters do not belong to filters.
    lr_mults : of each parameter blob, before the plan's multipliers.
    """

    layer: str
    type: str
    how: How
    free: int | None
    units: int | None
    lr_mults: tuple[float, ...]


def what_learns(
    net: NetParameter, multipliers: Multipliers | None = None, new: Collection[str] = (), *, bias_lr: float = 2.0
) -> tuple[Learning, ...]:
    """List every layer with parameters and how it learns.

    Parameters
    ----------
    net : deploy or training net, before it is split; in the phase TRAIN.
    multipliers : layer name to the rate of each of its filters, as in a plan.
    new : layers that the source net has not, such as a new head.
    bias_lr : lr_mult of biases about which the net says nothing.

    Returns
    -------
    In the net's order.
    """
    multipliers = multipliers or {}
    net = fill_param_specs(filter_net(net, "TRAIN"), bias_lr=bias_lr)
    followed = planned_companions(net, multipliers)
    found = []
    for layer in net.layer:
        if parameter_count(layer) != 0:
            rates = multipliers.get(layer.name, followed.get(layer.name))
            found.append(_learning(layer, rates, layer.name in new))
    return tuple(found)


def planned_companions(net: NetParameter, multipliers: Multipliers) -> dict[str, NDArray[np.float64]]:
    """The BatchNorm, Scale, Bias and PReLU layers that are split with planned filters, to the rates of these."""
    found: dict[str, NDArray[np.float64]] = {}
    for place, layer in enumerate(net.layer):
        rates = multipliers.get(layer.name)
        if rates is None or (rates == 1).all():
            continue
        try:
            follow = companions(net, place, filter_axis(layer))
        except NetError:  # splitting will say why; here there is nothing that follows for sure
            follow = ()
        found.update((net.layer[other].name, rates) for other in follow)
    return found


def _learning(layer: LayerParameter, rates: NDArray[np.float64] | None, new: bool) -> Learning:
    count = parameter_count(layer) or len(layer.param) or 1
    lr_mults = tuple(layer.param[place].lr_mult if place < len(layer.param) else 1.0 for place in range(count))
    units = unit_count(layer) if layer.type in UNIT_TYPES else None if rates is None else len(rates)
    if layer.type == "BatchNorm":
        return Learning(layer.name, layer.type, "statistics", 0 if units else None, units, lr_mults)
    if not any(lr_mults):
        return Learning(layer.name, layer.type, "frozen", 0 if units else None, units, lr_mults)
    if rates is not None:
        return Learning(layer.name, layer.type, "planned", int((rates > 0).sum()), units, lr_mults)
    return Learning(layer.name, layer.type, "new" if new else "whole", units, units, lr_mults)
