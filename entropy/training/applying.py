"""A plan put to work in torchcaffe without splitting the net: one layer, a rate for every filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from entropy.errors import PlanError
from entropy.planning.frozen import refuse_clipping, with_global_statistics
from entropy.planning.plan import Array, Plan
from prototxt.formats.parameter_blobs import learns
from prototxt.formats.schema import NetParameter
from prototxt.split.chains import companions
from prototxt.split.layers import parts_by_rate
from prototxt.split.layouts import filter_axis
from prototxt.split.net import check_rates
from prototxt.split.param_specs import refuse_unequal_sharing

if TYPE_CHECKING:  # torch takes seconds to import
    from torchcaffe.solver import Solver


def apply_plan(solver: Solver, plan: Plan, *, exact: bool = True) -> None:
    """Let a torchcaffe solver of an unsplit net train every filter at the plan's rate.

    The ``lr_mult`` that the net gives a blob (weights and bias of a layer, and the Scale, Bias and PReLU that belong
    to its filters) is multiplied by the filter's rate, as `entropy.write` does it; but the net stays one layer per
    layer, so rates need no quantiser. Frozen filters keep their bits, and the gradient of their weights is not
    computed. Call it again at any time with another plan: weights and momentum stay what they are (so that what
    becomes frozen glides on in SGD and Nesterov, unless `entropy.training.mid_training.stop_frozen` follows). Rates
    stand in no file: after ``restore`` in a new solver, apply the plan again.

    Parameters
    ----------
    solver : of the plain net, such as ``solver_plain.prototxt`` in a folder of `entropy.write`.
    plan : from `entropy.plan`, or read by `entropy.read_plan`. Layers that it does not name keep their rates.
    exact : take the rates as the transfer function gave them; False takes what the quantiser made of them.

    Raises
    ------
    PlanError : the solver runs a split net joined; or ``clip_gradients``, or a BatchNorm that moves its statistics,
        together with frozen filters.
    NetError : a layer of the plan is not in the net or has another number of filters, or shared parameters would get
        unequal rates. Nothing is changed then.

    Examples
    --------
    ``solver = torchcaffe.get_solver("run/solver_plain.prototxt")``, ``solver.load_weights("run/plain.caffemodel")``,
    ``entropy.apply_plan(solver, plan)``, ``solver.solve()``.
    """
    if solver.stored[0].layers:
        raise PlanError(
            "the solver trains a split net, whose rates stand in its prototxt; make one of solver_plain.prototxt"
        )
    net = solver.network.net
    rates = plan.rates(exact)
    check_rates(net, rates)
    refuse_clipping(solver.param, plan, "the solver")
    _refuse_moving_statistics(net, rates)
    spread = _with_companions(net, rates)
    refuse_unequal_sharing(net, {name: parts_by_rate(name, values) for name, values in spread.items()})
    for entry in solver.updater.learnable:
        if entry.layer in spread:
            solver.set_unit_lr_mults(entry.layer, entry.index, spread[entry.layer] * entry.spec.lr_mult)


def _with_companions(net: NetParameter, rates: Mapping[str, Array]) -> dict[str, Array]:
    """The rates of the plan's layers, and of the layers that learn with their filters."""
    spread = {}
    for place, layer in enumerate(net.layer):
        if layer.name in rates:
            for follower in (place, *companions(net, place, filter_axis(layer))):
                if learns(net.layer[follower]):
                    spread[net.layer[follower].name] = rates[layer.name]
    return spread


def _refuse_moving_statistics(net: NetParameter, rates: Mapping[str, Array]) -> None:
    _, moving = with_global_statistics(net)
    if moving and any((values == 0).any() for values in rates.values()):
        raise PlanError(
            f"layer {moving[0]!r} (BatchNorm) moves its statistics in training, so that frozen filters would change "
            f"what they do ({len(moving)} such layers); write batch_norm_param {{ use_global_stats: true }} there"
        )
