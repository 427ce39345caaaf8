"""Per-filter rates for any torch.optim optimizer: its update is scaled, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entropy.errors import PlanError
from entropy.planning.plan import Array, Plan

if TYPE_CHECKING:  # torch takes seconds to import
    import torch
    from torch import nn

    Parameter = torch.nn.Parameter

Modules = Mapping[str, str | Sequence[str]]


class ScaledUpdates:
    """Scales what an optimizer's steps change, until `remove` is called; also a context manager.

    Parameters
    ----------
    optimizer : whose ``step`` is followed.
    rates : parameter to its multipliers, broadcastable to its shape; of these, the ones that the optimizer holds at a
        step are scaled.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, rates: Mapping[Parameter, torch.Tensor]) -> None:
        self._optimizer = optimizer
        self._rates = {parameter: rate for parameter, rate in rates.items() if bool((rate != 1).any())}
        self._before: dict[Parameter, torch.Tensor] = {}
        self._hooks = [
            optimizer.register_step_pre_hook(self._remember),
            optimizer.register_step_post_hook(self._scale),
        ]

    def _remember(self, *_: Any) -> None:
        held = _held(self._optimizer)
        self._before = {each: each.detach().clone() for each in self._rates if id(each) in held}

    def _scale(self, *_: Any) -> None:
        import torch

        with torch.no_grad():
            for parameter, before in self._before.items():
                rate = self._rate(parameter)
                scaled = torch.where(rate == 0, before, before + rate * (parameter - before))
                parameter.copy_(torch.where(rate == 1, parameter, scaled))
        self._before = {}

    def _rate(self, parameter: Parameter) -> torch.Tensor:
        """Multipliers where the parameter is, and as precise; moved there only once."""
        self._rates[parameter] = self._rates[parameter].to(parameter.device, parameter.dtype)
        return self._rates[parameter]

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
    modules: Modules | Path | str | None = None,
    *,
    exact: bool = True,
) -> ScaledUpdates:
    """Let every filter learn at its own rate in PyTorch: scale each step's change of its weights and bias.

    What is scaled is the *update*, not the gradient: Adam divides a gradient's scale out again, and weight decay would
    still shrink a frozen filter. A filter with multiplier 0 keeps its bits, one with 1 is updated exactly as without;
    for SGD with momentum and decay the result is that of Caffe's ``lr_mult``. The optimizer's own state and its files
    are as without: after loading a checkpoint, call this again. (LBFGS estimates curvature from its whole steps, which
    scaled steps do not follow; frozen filters stay frozen with it too.)

    Parameters
    ----------
    optimizer : any of ``torch.optim``; it is changed in place and stays the one to call. Parameters that it does not
        hold are left alone until they are added to it.
    model : whose parameters it updates; may be compiled or wrapped for several devices.
    plan : from `entropy.plan`, or layer name to multipliers, (units,) each.
    modules : layer name of the plan to the name of its module in the model, or to several: BatchNorm and PReLU
        modules that belong to its filters. Or the folder of a conversion (its ``conversion.json``), which knows all of
        these. By default the module of the same name (as ``converters`` names layers).
        Running statistics of BatchNorm are no parameters: put such modules into eval mode to keep them.
    exact : take the rates as the transfer function gave them; False takes what the quantiser made of them for Caffe.

    Returns
    -------
    ScaledUpdates
        ``remove()`` it, or use it in a ``with`` statement, to end the scaling.

    Raises
    ------
    PlanError : a layer has no module, a module's parameters do not have one row per filter, layers that share a
        parameter have unequal rates, the optimizer holds none of the parameters, or its updates are scaled already.
    FormatError : the conversion cannot be read.

    Examples
    --------
    ``entropy.scale_updates(optimizer, model, plan)``, then train as always.
    """
    if any(isinstance(getattr(hook, "__self__", None), ScaledUpdates) for hook in _hooks_of(optimizer)):
        raise PlanError("the optimizer's updates are scaled already, and rates would multiply; remove() those first")
    multipliers = plan.rates(exact) if isinstance(plan, Plan) else plan
    if isinstance(modules, Path | str):
        modules = modules_of_conversion(modules, list(multipliers))
    found = _find_rates(_unwrapped(model), multipliers, modules or {})
    if _held(optimizer).isdisjoint(map(id, found)):
        raise PlanError("the optimizer holds no parameter of the plan's layers; is it the optimizer of this model?")
    return ScaledUpdates(optimizer, found)


def modules_of_conversion(folder: Path | str, layers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Give the modules of the PyTorch model that the filters of some Caffe layers are in.

    Parameters
    ----------
    folder : of the conversion, or its ``conversion.json``.
    layers : of the converted net.

    Returns
    -------
    Layer to its module, followed by those of the BatchNorm, Bias and PReLU that belong to its filters.

    Raises
    ------
    PlanError : a layer is not in the converted net.
    FormatError : the conversion cannot be read.
    """
    from converters.files import read_conversion  # torch takes seconds to import
    from prototxt.formats.parameter_blobs import learns
    from prototxt.formats.text import read_net
    from prototxt.split.chains import companions
    from prototxt.split.layouts import filter_axis

    record = read_conversion(folder)
    net = read_net(record.prototxt)
    places = {layer.name: place for place, layer in enumerate(net.layer)}
    found = {}
    for name in layers:
        if name not in places or name not in record.modules:
            raise PlanError(f"{record.path}: the converted net has no layer {name!r}; is the plan one for it?")
        own = [net.layer[place] for place in companions(net, places[name], filter_axis(net.layer[places[name]]))]
        learning = [layer.name for layer in own if learns(layer)]
        names = [record.modules[layer] for layer in (name, *learning) if layer in record.modules]
        found[name] = tuple(dict.fromkeys(names))
    return found


def _find_rates(model: nn.Module, multipliers: Mapping[str, Array], modules: Modules) -> dict[Parameter, torch.Tensor]:
    """Give every parameter of the layers its multipliers."""
    import torch

    known = dict(model.named_modules())
    found: dict[Parameter, torch.Tensor] = {}
    for layer, rates in multipliers.items():
        names = modules.get(layer, layer)
        for name in [names] if isinstance(names, str) else names:
            if name not in known:
                raise PlanError(
                    f"the model has no module {name!r} for layer {layer!r} of the plan; say with modules= which it is"
                )
            for parameter, rate in _rates_of(_unwrapped(known[name]), name, rates):
                if parameter in found and not torch.equal(found[parameter], rate):
                    raise PlanError(f"module {name!r}: another layer shares its parameters, with other rates")
                found[parameter] = rate
    return found


def _unwrapped(module: nn.Module) -> nn.Module:
    """Give the module that was compiled, or wrapped for several devices."""
    from torch.nn.parallel import DataParallel, DistributedDataParallel

    inner: Any = module
    while True:
        if hasattr(inner, "_orig_mod"):
            inner = inner._orig_mod
        elif isinstance(inner, DataParallel | DistributedDataParallel):
            inner = inner.module
        else:
            return inner


def _held(optimizer: torch.optim.Optimizer) -> set[int]:
    return {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}


def _hooks_of(optimizer: torch.optim.Optimizer) -> Iterable[Any]:
    return getattr(optimizer, "_optimizer_step_post_hooks", {}).values()


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
