"""Several numbers to one: Eltwise, Reduction, Softmax, ArgMax."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor

from prototxt.formats.schema import EltwiseParameter, ReductionParameter
from torchcaffe.layer import Layer, Shape
from torchcaffe.layers.shape import canonical_axis
from torchcaffe.registry import layer


@layer("Eltwise")
class Eltwise(Layer):
    """Product, weighted sum or maximum of equal shapes; of two equal maxima the second bottom gets the gradient."""

    bottoms = (2, None)

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``eltwise_param``."""
        param = self.param.eltwise_param
        self.operation = EltwiseParameter.EltwiseOp.Name(param.operation)
        self.coefficients = list(param.coeff) or [1.0] * len(bottom_shapes)
        if len(self.coefficients) != len(bottom_shapes):
            raise ValueError(f"needs one coeff for each of {len(bottom_shapes)} bottoms, got {len(param.coeff)}")
        if param.coeff and self.operation != "SUM":
            raise ValueError(f"coeff is for operation SUM, not {self.operation}")

    def forward(self, *bottoms: Tensor) -> tuple[Tensor, ...]:
        """Equal shapes → the same."""
        if any(bottom.shape != bottoms[0].shape for bottom in bottoms):
            raise ValueError("needs bottoms of equal shapes")
        if self.operation == "PROD":
            return (math.prod(bottoms[1:], start=bottoms[0]),)
        if self.operation == "MAX":
            return (_maximum(bottoms),)
        top = bottoms[0] if self.coefficients[0] == 1 else bottoms[0] * self.coefficients[0]
        for bottom, coefficient in zip(bottoms[1:], self.coefficients[1:], strict=True):
            top = torch.add(top, bottom, alpha=coefficient)
        return (top,)


def _maximum(bottoms: tuple[Tensor, ...]) -> Tensor:
    """Caffe compares the first two by ``a > b`` and every further one by ``c > maximum``."""
    first, second, *others = bottoms
    return reduce(
        lambda top, other: torch.where(other > top, other, top), others, torch.where(first > second, first, second)
    )


_REDUCE: dict[str, Callable[[Tensor], Tensor]] = {
    "SUM": lambda rows: rows.sum(-1),
    "ASUM": lambda rows: rows.abs().sum(-1),
    "SUMSQ": lambda rows: rows.square().sum(-1),
    "MEAN": lambda rows: rows.mean(-1),
}


@layer("Reduction")
class Reduction(Layer):
    """Sum, sum of magnitudes, of squares, or mean over all axes from ``axis`` on, times ``coeff``."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``reduction_param``."""
        param = self.param.reduction_param
        self.axis = canonical_axis(param.axis, bottom_shapes[0])
        self.operation = ReductionParameter.ReductionOp.Name(param.operation)
        self.coefficient = param.coeff

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → its axes before ``axis``."""
        return (_REDUCE[self.operation](x.flatten(self.axis)) * self.coefficient,)


@layer("Softmax")
class Softmax(Layer):
    """``exp(x) / Σ exp(x)`` along ``axis``."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``softmax_param``."""
        self.axis = canonical_axis(self.param.softmax_param.axis, bottom_shapes[0])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same."""
        return (x.softmax(self.axis),)


@layer("ArgMax")
class ArgMax(Layer):
    """Places of the ``top_k`` largest values along ``axis``, or without one in every whole item; no gradient.

    Among equal values the larger place goes first, as Caffe sorts them.
    """

    differentiable = ()

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``argmax_param``."""
        param = self.param.argmax_param
        (shape,) = bottom_shapes
        self.axis = canonical_axis(param.axis, shape) if param.HasField("axis") else None
        self.top_k, self.values = param.top_k, param.out_max_val
        length = math.prod(shape[1:]) if self.axis is None else shape[self.axis]
        if not 1 <= self.top_k <= length:
            raise ValueError(f"top_k must lie between 1 and {length}, got {self.top_k}")

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """With ``axis``: its length is top_k, places or values. Without: (N, 1 or 2, top_k), places (and values)."""
        if self.axis is not None:
            values, places = _largest(x, self.axis, self.top_k)
            return (values if self.values else places.to(x.dtype),)
        values, places = _largest(x.reshape(x.shape[0], -1), 1, self.top_k)
        rows = (places.to(x.dtype), values) if self.values else (places.to(x.dtype),)
        top = torch.stack(rows, 1)
        return (top.reshape(top.shape + (1,) * (max(3, x.ndim) - 3)),)


def _largest(x: Tensor, axis: int, count: int) -> tuple[Tensor, Tensor]:
    values, order = x.flip(axis).sort(dim=axis, descending=True, stable=True)
    return values.narrow(axis, 0, count), x.shape[axis] - 1 - order.narrow(axis, 0, count)
