"""Per-filter rates for any torch.optim optimizer: its update is scaled, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from entropy.errors import PlanError
from entropy.planning import Array, Plan

if TYPE_CHECKING:  # torch takes seconds to import
    import torch
    from torch import nn

    Parameter = torch.nn.Parameter


class ScaledUpdates:
    """Scales what an optimizer's steps change, until `remove` is called; also a context manager.

    Parameters
    ----------
    optimizer : whose ``step`` is followed.
    rates : parameter to its multipliers, broadcastable to its shape.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, rates: Mapping[Parameter, torch.Tensor]) -> None:
        self._rates = dict(rates)
        self._before: dict[Parameter, torch.Tensor] = {}
        self._hooks = [
            optimizer.register_step_pre_hook(self._remember),
            optimizer.register_step_post_hook(self._scale),
        ]

    def _remember(self, *_: Any) -> None:
        self._before = {parameter: parameter.detach().clone() for parameter in self._rates}

    def _scale(self, *_: Any) -> None:
        import torch

        with torch.no_grad():
            for parameter, before in self._before.items():
                rate = self._rates[parameter].to(parameter.device, parameter.dtype)
                scaled = torch.where(rate == 0, before, before + rate * (parameter - before))
                parameter.copy_(torch.where(rate == 1, parameter, scaled))
        self._before = {}

    def remove(self) -> None:
        """Let the optimizer step as before."""
        for hook in self._hooks:
            hook.remove()

    def __enter__(self) -> ScaledUpdates:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def scale_updates(
    optimizer: torch.optim.Optimizer,
    model: nn.Module,
    plan: Plan | Mapping[str, Array],
    modules: Mapping[str, str | Sequence[str]] | None = None,
) -> ScaledUpdates:
    """Let every filter learn at its own rate in PyTorch: scale each step's change of its weights and bias.

    What is scaled is the *update*, not the gradient: Adam divides a gradient's scale out again, and weight decay would
    still shrink a frozen filter. A filter with multiplier 0 keeps its bits, one with 1 is updated exactly as without;
    for SGD with momentum and decay the result is that of Caffe's ``lr_mult``.

    Parameters
    ----------
    optimizer : any of ``torch.optim``; it is changed in place and stays the one to call. Parameters that it does not
        hold are left alone.
    model : whose parameters it updates.
    plan : from `entropy.plan`, or layer name to multipliers, (units,) each.
    modules : layer name of the plan to the name of its module in the model, or to several: BatchNorm and PReLU
        modules that belong to its filters. By default the module of the same name (as ``converters`` names layers).
        Running statistics of BatchNorm are no parameters: put such modules into eval mode to keep them.

    Returns
    -------
    ScaledUpdates
        ``remove()`` it, or use it in a ``with`` statement, to end the scaling.

    Raises
    ------
    PlanError : a layer has no module, a module's parameters do not have one row per filter, two layers share a
        parameter, or the optimizer holds none of the parameters.

    Examples
    --------
    ``entropy.scale_updates(optimizer, model, plan)``, then train as always.
    """
    multipliers = plan.multipliers if isinstance(plan, Plan) else plan
    known, found = dict(model.named_modules()), {}
    for layer, rates in multipliers.items():
        names = (modules or {}).get(layer, layer)
        for name in [names] if isinstance(names, str) else names:
            if name not in known:
                raise PlanError(
                    f"the model has no module {name!r} for layer {layer!r} of the plan; say with modules= which it is"
                )
            for parameter, rate in _rates_of(known[name], name, rates):
                if parameter in found:
                    raise PlanError(f"module {name!r}: its parameters have rates already; one parameter, one rate")
                found[parameter] = rate
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    moved = {parameter: rate for parameter, rate in found.items() if id(parameter) in held}
    if not moved:
        raise PlanError("the optimizer holds no parameter of the plan's layers; is it the optimizer of this model?")
    return ScaledUpdates(optimizer, moved)


def _rates_of(module: nn.Module, name: str, rates: Array) -> Iterable[tuple[Parameter, torch.Tensor]]:
    """Give each parameter of a module with its multipliers, shaped to be multiplied with it."""
    import torch

    own = dict(module.named_parameters(recurse=False))
    if "weight" not in own:
        raise PlanError(
            f"module {name!r} ({type(module).__name__}) has no parameter 'weight' of its own; name the module with "
            "the filters (of a parametrised module the weights are no longer its own)"
        )
    row = torch.as_tensor(rates, dtype=torch.float64)
    for key, parameter in own.items():
        transposed = key == "weight" and getattr(module, "transposed", False)
        # A transposed convolution holds (in, out / groups, ...): the filters of a group lie along the second axis.
        groups = int(getattr(module, "groups", 1)) if transposed else 1
        filters = groups * parameter.shape[1] if transposed else len(parameter)
        if filters != len(row):
            raise PlanError(
                f"module {name!r}: its {key} {tuple(parameter.shape)} is for {filters} filters, but the plan has "
                f"{len(row)}; name only modules with one row per filter"
            )
        if transposed:
            inputs = len(parameter) // groups
            grid = row.reshape(groups, 1, -1).expand(-1, inputs, -1).reshape(parameter.shape[:2])
            yield parameter, grid.reshape(*grid.shape, *[1] * (parameter.ndim - 2))
        else:
            yield parameter, row.reshape(-1, *[1] * (parameter.ndim - 1))
