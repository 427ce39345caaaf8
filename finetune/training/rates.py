"""From the rates of a stage to the ``lr_mult`` of every parameter."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from finetune.errors import ExperimentError
from finetune.training.prepared import Prepared, Rates, Stage
from prototxt.formats.parameter_blobs import learns
from prototxt.formats.schema import NetParameter
from prototxt.net.layer_types import UNIT_TYPES
from prototxt.split import fill_param_specs
from prototxt.split.chains import companions
from prototxt.split.layers import parts_by_rate
from prototxt.split.layouts import filter_axis, unit_count
from prototxt.split.param_specs import refuse_unequal_sharing
from torchcaffe.narrowing import narrow
from torchcaffe.network import Network
from torchcaffe.unit_rates import give_rate, give_unit_rates
from torchcaffe.update import Updater


def check_stages(prepared: Prepared) -> None:
    """Refuse stages that cannot be trained.

    Raises
    ------
    ExperimentError : the shares of the stages do not sum to 1, a rate is negative or no number, or names no layer.
    """
    total = sum(stage.share for stage in prepared.stages)
    if not prepared.stages or min(stage.share for stage in prepared.stages) <= 0 or abs(total - 1) > 1e-6:
        raise ExperimentError(
            f"the shares of the stages are {[stage.share for stage in prepared.stages]}; each must be above 0, and "
            "they must sum to 1"
        )
    layers = {layer.name: layer for layer in prepared.net.layer}
    for stage in prepared.stages:
        for name, rate in stage.rates.items():
            _check_rate(name, rate, layers)


def _check_rate(name: str, rate: Rates, layers: Mapping[str, object]) -> None:
    if name not in layers:
        raise ExperimentError(f"a stage has a rate for layer {name!r}, which is not in the net")
    values = np.asarray(rate, np.float64)
    if values.ndim > 1 or not (np.isfinite(values) & (values >= 0)).all():
        raise ExperimentError(f"layer {name!r}: a rate must be a number of at least 0, or one for every unit")


def spread_rates(net: NetParameter, stage: Stage) -> dict[str, Rates]:
    """Rates of all layers that learn: those of the stage, and of the layers that learn with their filters.

    A Scale, Bias or PReLU that belongs to a layer's filters gets the rates of that layer, unless it has its own.

    Parameters
    ----------
    net : all of its layers take part.
    """
    spread: dict[str, Rates] = dict(stage.rates)
    for place, layer in enumerate(net.layer):
        if layer.name in stage.rates and layer.type in UNIT_TYPES:
            for follower in companions(net, place, filter_axis(layer)):
                own = net.layer[follower]
                if learns(own):
                    spread.setdefault(own.name, stage.rates[layer.name])
    return spread


def unit_rates(net: NetParameter, spread: Mapping[str, Rates]) -> dict[str, np.ndarray]:
    """The rates of every layer with filters, one number for every unit; 0 for layers without a rate."""
    return {
        layer.name: np.broadcast_to(np.asarray(spread.get(layer.name, 0.0), np.float64), (unit_count(layer),))
        for layer in net.layer
        if layer.type in UNIT_TYPES
    }


def with_param_specs(net: NetParameter) -> NetParameter:
    """Write out the ``lr_mult`` and ``decay_mult`` of weights (1, 1) and biases (2, 0) where a net says nothing."""
    return fill_param_specs(net)


def set_rates(network: Network, updater: Updater, stage: Stage) -> None:
    """Let a net learn at the rates of a stage: ``lr_mult`` of its ``param`` messages times the rates.

    Gradients that nobody needs are not computed.

    Raises
    ------
    NetError : a layer has another number of units, or layers that share a parameter have unequal rates.
    """
    spread = spread_rates(network.net, stage)
    parts = {name: parts_by_rate(name, rates) for name, rates in unit_rates(network.net, spread).items()}
    refuse_unequal_sharing(network.net, parts)
    for entry in updater.learnable:
        rate = np.asarray(spread.get(entry.layer, 0.0)) * entry.spec.lr_mult
        if rate.ndim:
            give_unit_rates(network, updater, entry.layer, entry.index, rate)
        else:
            give_rate(network, updater, entry.layer, entry.index, float(rate))
    narrow(network, updater.free_units())


def stage_starts(prepared: Prepared, iterations: int) -> list[int]:
    """First iteration of every stage; every stage has one at least.

    Raises
    ------
    ExperimentError : there are fewer iterations than stages.
    """
    if iterations < len(prepared.stages):
        raise ExperimentError(f"{iterations} iterations are too few for {len(prepared.stages)} stages")
    ends = np.cumsum([stage.share for stage in prepared.stages])
    starts = [0]
    for number, end in enumerate(ends[:-1], 1):
        left = len(prepared.stages) - number
        starts.append(min(max(round(float(end) * iterations), starts[-1] + 1), iterations - left))
    return starts
