"""Convolution and Deconvolution over 1 to 3 spatial axes, after ``base_conv_layer.cpp``; Im2col."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional as F

from torchcaffe import partial
from torchcaffe.layer import Arity, Layer, Shape
from torchcaffe.registry import layer

_CONVOLVE: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_DECONVOLVE: dict[int, Callable[..., Tensor]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}


def _per_axis(param: Any, field: str, short: str, n_axes: int, default: int | None) -> tuple[int, ...]:
    """One number per spatial axis from ``field`` (given once, or once per axis) or ``short``_h and ``short``_w."""
    height, width = f"{short}_h", f"{short}_w"
    values: Sequence[int] = getattr(param, field)
    if hasattr(param, height) and (param.HasField(height) or param.HasField(width)):
        if n_axes != 2 or values:
            raise ValueError(f"{height} and {width} are for 2 spatial axes, instead of {field}; give one or the other")
        return getattr(param, height), getattr(param, width)
    if not values and default is not None:
        return (default,) * n_axes
    if len(values) not in (1, n_axes):
        raise ValueError(f"{field} must be given once or {n_axes} times, once per spatial axis; got {len(values)}")
    return tuple(values) if len(values) == n_axes else (values[0],) * n_axes


class _Filters(Layer):
    """What Convolution and Deconvolution share: ``convolution_param`` and the same weights for every bottom."""

    bottoms: ClassVar[Arity] = (1, None)
    tops: ClassVar[Arity] = (1, None)
    transposed: ClassVar[bool] = False
    _choice: partial.UnitChoice | None = None
    needed_channels: Tensor | None = None
    """Channels of the bottom whose gradient somebody needs; None for all. Set by `torchcaffe.narrowing`."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``convolution_param``; add weights and, with ``bias_term``, a bias (outputs,)."""
        param = self.param.convolution_param
        shape = bottom_shapes[0]
        if len(self.param.top) != len(bottom_shapes):
            raise ValueError(f"needs as many tops as bottoms, got {len(self.param.top)} and {len(bottom_shapes)}")
        self.axis = param.axis + len(shape) if param.axis < 0 else param.axis
        self.n_spatial = len(shape) - self.axis - 1
        if self.n_spatial not in _CONVOLVE:
            raise ValueError(f"convolves 1 to 3 spatial axes; the bottom's shape {shape} has {self.n_spatial}")
        self.kernel = _per_axis(param, "kernel_size", "kernel", self.n_spatial, None)
        self.stride = _per_axis(param, "stride", "stride", self.n_spatial, 1)
        self.pad = _per_axis(param, "pad", "pad", self.n_spatial, 0)
        self.dilation = _per_axis(param, "dilation", "dilation", self.n_spatial, 1)
        self.group = param.group
        channels = shape[self.axis]
        if any(other[self.axis] != channels for other in bottom_shapes):
            raise ValueError(f"needs bottoms with equal numbers of channels, got shapes {bottom_shapes}")
        for what, count in (("num_output", param.num_output), ("the bottom's channels", channels)):
            if not count or not self.group or count % self.group:
                raise ValueError(f"{what} ({count}) must be a positive multiple of group ({self.group})")
        self.add_blob(self.weight_shape(channels, param.num_output), param.weight_filler)
        self.bias_term = param.bias_term
        if self.bias_term:
            self.add_blob((param.num_output,), param.bias_filler)

    def weight_shape(self, channels: int, num_output: int) -> Shape:
        """Shape of the weights in Caffe."""
        raise NotImplementedError

    def filter(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(N, C, ...) → (N, num_output, ...)."""
        raise NotImplementedError

    def learn_only(self, units: Tensor | None) -> None:
        """Compute the gradient of the weights for these filters only, and for those that fill up their groups."""
        choice = None
        if units is not None:
            choice = partial.choose_units(units.cpu(), self.param.convolution_param.num_output, self.group)
        self._choice = choice and choice.to(self.device)

    def forward(self, *bottoms: Tensor) -> tuple[Tensor, ...]:
        """(N, C, ...) → (N, num_output, ...) for every bottom; with ``axis`` > 1 several axes in place of N."""
        weight = self.blob(0)
        bias = self.blob(1) if self.bias_term else None
        if self.axis == 1:
            return tuple(self._filter(x, weight, bias) for x in bottoms)
        tops = (self._filter(x.reshape(-1, *x.shape[self.axis :]), weight, bias) for x in bottoms)
        return tuple(top.reshape(*x.shape[: self.axis], *top.shape[1:]) for top, x in zip(tops, bottoms, strict=True))

    def _filter(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self._choice is None and self.needed_channels is None:
            return self.filter(x, weight, bias)
        geometry = partial.Geometry(self.stride, self.pad, self.dilation, self.transposed, self.group)
        return partial.convolve(x, weight, bias, geometry, self._choice, self.needed_channels)


@layer("Convolution")
class Convolution(_Filters):
    """Weights (num_output, C / group, kernel...); output size ``floor((n + 2 pad - extent) / stride) + 1``."""

    def weight_shape(self, channels: int, num_output: int) -> Shape:
        """Outputs first."""
        return (num_output, channels // self.group, *self.kernel)

    def filter(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Cross-correlation, as every framework calls it convolution."""
        return _CONVOLVE[self.n_spatial](x, weight, bias, self.stride, self.pad, self.dilation, self.group)


@layer("Deconvolution")
class Deconvolution(_Filters):
    """Convolution's transpose: weights (C, num_output / group, kernel...), size ``stride (n - 1) + extent - 2 pad``."""

    transposed = True

    def weight_shape(self, channels: int, num_output: int) -> Shape:
        """Inputs first."""
        return (channels, num_output // self.group, *self.kernel)

    def filter(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Transposed convolution."""
        return _DECONVOLVE[self.n_spatial](x, weight, bias, self.stride, self.pad, 0, self.group, self.dilation)


def filters_images(layer: Layer) -> bool:
    """Whether a layer has filters over height and width of a batch of images."""
    return isinstance(layer, _Filters) and layer.axis == 1 and layer.n_spatial == 2


@layer("Im2col")
class Im2col(Layer):
    """The patch under every position of a convolution kernel as a column of channels."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Read ``convolution_param`` for 2 spatial axes."""
        param = self.param.convolution_param
        (shape,) = bottom_shapes
        if len(shape) != 4:
            raise ValueError(f"needs a bottom with 4 axes (N, C, H, W), got shape {shape}")
        self.kernel = _per_axis(param, "kernel_size", "kernel", 2, None)
        self.stride = _per_axis(param, "stride", "stride", 2, 1)
        self.pad = _per_axis(param, "pad", "pad", 2, 0)
        self.dilation = _per_axis(param, "dilation", "dilation", 2, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, C, H, W) → (N, C · kernel, out H, out W)."""
        columns = F.unfold(x, self.kernel, self.dilation, self.pad, self.stride)
        size = [
            (n + 2 * p - (d * (k - 1) + 1)) // s + 1
            for n, k, s, p, d in zip(x.shape[2:], self.kernel, self.stride, self.pad, self.dilation, strict=True)
        ]
        return (columns.reshape(x.shape[0], -1, *size),)
