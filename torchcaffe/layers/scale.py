"""Scale and Bias: a factor or a summand that is learned, or that comes as a second bottom."""

from __future__ import annotations

from torch import Tensor

from prototxt.formats.schema import FillerParameter
from torchcaffe.layer import Layer, Shape
from torchcaffe.registry import layer


def _axis(axis: int, shape: Shape) -> int:
    return axis + len(shape) if axis < 0 else axis


def _covered(axis: int, num_axes: int, shape: Shape) -> Shape:
    """The axes of the bottom that the operand covers: ``num_axes`` from ``axis`` on, all with -1."""
    if num_axes < -1 or axis + num_axes > len(shape):
        raise ValueError(f"axis {axis} and num_axes {num_axes} reach beyond the bottom's shape {shape}")
    return shape[axis:] if num_axes == -1 else shape[axis : axis + num_axes]


def _aligned(operand: Tensor, axis: int, ndim: int) -> Tensor:
    """Give the operand axes of length 1 behind its own, so that it broadcasts from ``axis`` on."""
    return operand.reshape(operand.shape + (1,) * (ndim - axis - operand.ndim))


@layer("Scale")
class Scale(Layer):
    """``x · factor (+ bias)``: the factor is a blob (1 without a filler) or the second bottom."""

    bottoms = (1, 2)

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Add the factor, unless there is a second bottom, and with ``bias_term`` a bias of the same shape."""
        param = self.param.scale_param
        self.axis = _axis(param.axis, bottom_shapes[0])
        if len(bottom_shapes) == 1:
            shape = _covered(self.axis, param.num_axes, bottom_shapes[0])
            unit = FillerParameter(type="constant", value=1)
            self.add_blob(shape, param.filler if param.HasField("filler") else unit)
        else:
            shape = bottom_shapes[1]
            if not shape:
                self.axis = 0
        self.bias_term = param.bias_term
        if self.bias_term:
            self.add_blob(shape, param.bias_filler)

    def forward(self, x: Tensor, *factor: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same; the factor has the shape of axes from ``axis`` on."""
        top = x * _aligned(factor[0] if factor else self.blob(0), self.axis, x.ndim)
        if self.bias_term:
            top = top + _aligned(self.blob(len(self.blobs) - 1), self.axis, x.ndim)
        return (top,)


@layer("Bias")
class Bias(Layer):
    """``x + bias``: the bias is a blob (0 without a filler) or the second bottom."""

    bottoms = (1, 2)

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Add the bias unless there is a second bottom."""
        param = self.param.bias_param
        self.axis = _axis(param.axis, bottom_shapes[0])
        if len(bottom_shapes) == 1:
            self.add_blob(_covered(self.axis, param.num_axes, bottom_shapes[0]), param.filler)
        elif not bottom_shapes[1]:
            self.axis = 0

    def forward(self, x: Tensor, *bias: Tensor) -> tuple[Tensor, ...]:
        """Any shape → the same; the bias has the shape of axes from ``axis`` on."""
        return (x + _aligned(bias[0] if bias else self.blob(0), self.axis, x.ndim),)
