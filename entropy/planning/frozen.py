"""What would change a frozen filter, or the rate of the free ones, in training."""

from __future__ import annotations

from pathlib import Path

from entropy.errors import PlanError
from entropy.planning.plan import Plan
from prototxt.formats.schema import NetParameter, SolverParameter


def refuse_clipping(solver: SolverParameter, plan: Plan, source: Path | str) -> None:
    """Refuse ``clip_gradients`` together with frozen filters.

    Raises
    ------
    PlanError : Caffe leaves frozen blobs out of the norm that it clips by, so the free filters would learn at another
        rate than the plan says.
    """
    frozen = sum(int((rates == 0).sum()) for rates in plan.multipliers.values())
    if solver.clip_gradients >= 0 and frozen:
        raise PlanError(
            f"{source}: clip_gradients is {solver.clip_gradients:g}, but {frozen} filters have a rate of 0; frozen "
            "layers have no gradient in Caffe, so the norm that it clips by would change: remove clip_gradients, or "
            "use a plan without zeros (method 6)"
        )


def with_global_statistics(net: NetParameter) -> tuple[NetParameter, list[str]]:
    """Let every BatchNorm use its stored statistics in training too.

    Caffe moves a BatchNorm's mean and variance in training whatever its learning rate; so frozen filters would change
    what they do.

    Returns
    -------
    A new net, and the names of the layers that were changed.
    """
    result = NetParameter()
    result.CopyFrom(net)
    changed = []
    for layer in result.layer:
        if layer.type == "BatchNorm" and not layer.batch_norm_param.use_global_stats:
            layer.batch_norm_param.use_global_stats = True
            changed.append(layer.name)
    return result, changed
