"""Weight gradients of layers of which only some units learn: those of frozen units are not computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class Geometry(NamedTuple):
    """What a convolution is, beside its weights; ``transposed`` for a Deconvolution."""

    stride: Sequence[int]
    pad: Sequence[int]
    dilation: Sequence[int]
    transposed: bool
    groups: int


class UnitChoice(NamedTuple):
    """The units for which a grouped convolution computes the gradient of its weights.

    A grouped convolution has equally many units in each group. So groups without free units are left out, and the
    others are filled up with frozen units to the size of the largest.

    Attributes
    ----------
    free : (F,) the units that learn, ascending.
    chosen : (G' · m,) these and what fills them up, ascending.
    places : (F,) where the free ones stand in ``chosen``.
    groups : (G',) groups that have free units; None for all.
    """

    free: Tensor
    chosen: Tensor
    places: Tensor
    groups: Tensor | None

    def to(self, device: torch.device) -> UnitChoice:
        """The same on a device."""
        free, chosen, places = (each.to(device) for each in (self.free, self.chosen, self.places))
        return UnitChoice(free, chosen, places, None if self.groups is None else self.groups.to(device))


def choose_units(free: Tensor, units: int, groups: int = 1) -> UnitChoice | None:
    """Choose what to compute so that the units in ``free`` get their gradient; None where that is everything."""
    size = units // groups
    learns = torch.zeros(groups, size, dtype=torch.bool)
    learns.view(-1)[free] = True
    used = learns.any(1).nonzero().flatten()
    most = int(learns.sum(1).max())
    if most == size and len(used) == groups:
        return None
    # Free units first: a stable sort of "frozen" within each group.
    order = (~learns[used]).to(torch.uint8).argsort(dim=1, stable=True)[:, :most]
    chosen = (order.sort(dim=1).values + used[:, None] * size).flatten()
    places = learns.view(-1)[chosen].nonzero().flatten()
    return UnitChoice(chosen[places], chosen, places, None if len(used) == groups else used)


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    geometry: Geometry,
    choice: UnitChoice | None,
    channels: Tensor | None = None,
) -> Tensor:
    """Convolution or Deconvolution (N, C, ...) → (N, units, ...) with a part of its gradients.

    Parameters
    ----------
    choice : units whose weights get a gradient; None for all.
    channels : channels of ``x`` that get one, of a Convolution without groups; None for all.
    """
    result: Tensor = _Convolve.apply(x, weight, bias, geometry, choice, channels)
    return result


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None, free: Tensor) -> Tensor:
    """``x @ weight.T + bias``, (..., K) → (..., units); ``weight`` (units, K) gets a gradient for ``free`` units."""
    result: Tensor = _Multiply.apply(x, weight, bias, free)
    return result


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        geometry: Geometry,
        choice: UnitChoice | None,
        channels: Tensor | None,
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry, ctx.choice, ctx.channels = geometry, choice, channels
        stride, pad, dilation, transposed, groups = geometry
        return torch.convolution(x, weight, bias, stride, pad, dilation, transposed, [0] * len(stride), groups)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        wants_x, wants_weight, wants_bias, *_ = ctx.needs_input_grad
        return (
            _input_gradient(gradient, x, weight, ctx.geometry, ctx.channels) if wants_x else None,
            _weight_gradient(gradient, x, weight, ctx.geometry, ctx.choice) if wants_weight else None,
            gradient.sum([0, *range(2, gradient.ndim)]) if wants_bias else None,
            None,
            None,
            None,
        )


class _Multiply(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, free: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.free = free
        return torch.nn.functional.linear(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        wants_x, wants_weight, wants_bias, _ = ctx.needs_input_grad
        flat = gradient.reshape(-1, gradient.shape[-1])
        of_weight = None
        if wants_weight:
            rows = flat.index_select(1, ctx.free).t() @ x.reshape(-1, x.shape[-1])
            of_weight = torch.zeros_like(weight).index_copy_(0, ctx.free, rows)
        return gradient @ weight if wants_x else None, of_weight, flat.sum(0) if wants_bias else None, None


def _input_gradient(gradient: Tensor, x: Tensor, weight: Tensor, geometry: Geometry, channels: Tensor | None) -> Tensor:
    if channels is None:
        return _convolution_backward(gradient, x, weight, geometry, "input")
    # Only the shape of the input counts here.
    some = x.new_empty(1).expand(len(x), len(channels), *x.shape[2:])
    part = _convolution_backward(gradient, some, weight.index_select(1, channels), geometry, "input")
    return torch.zeros_like(x).index_copy_(1, channels, part)


def _weight_gradient(
    gradient: Tensor, x: Tensor, weight: Tensor, geometry: Geometry, choice: UnitChoice | None
) -> Tensor:
    if choice is None:
        return _convolution_backward(gradient, x, weight, geometry, "weight")
    groups, transposed = geometry.groups, geometry.transposed
    used = groups if choice.groups is None else len(choice.groups)
    if choice.groups is not None:
        x = x.unflatten(1, (groups, -1)).index_select(1, choice.groups).flatten(1, 2)
    rows = _to_rows(weight, groups) if transposed else weight
    shape = (len(choice.chosen), *rows.shape[1:])
    if transposed:
        shape = (x.shape[1], len(choice.chosen) // used, *rows.shape[2:])
    # Only the shape of the weights counts here.
    part = _convolution_backward(
        gradient.index_select(1, choice.chosen),
        x,
        gradient.new_empty(1).expand(shape),
        geometry._replace(groups=used),
        "weight",
    )
    part = (_to_rows(part, used) if transposed else part).index_select(0, choice.places)
    whole = torch.zeros_like(rows).index_copy_(0, choice.free, part)
    return _from_rows(whole, groups) if transposed else whole


def _convolution_backward(gradient: Tensor, x: Tensor, weight: Tensor, geometry: Geometry, wanted: str) -> Tensor:
    stride, pad, dilation, transposed, groups = geometry
    output_pad, mask = [0] * len(stride), [wanted == "input", wanted == "weight", False]
    found: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, stride, pad, dilation, transposed, output_pad, groups, mask
    )
    return found[mask.index(True)]


def _to_rows(weight: Tensor, groups: int) -> Tensor:
    """A Deconvolution's weights (C, units / groups, ...) with one row per unit: (units, C / groups, ...)."""
    return weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)


def _from_rows(rows: Tensor, groups: int) -> Tensor:
    """Undo `_to_rows`, which is its own inverse."""
    return _to_rows(rows, groups)
