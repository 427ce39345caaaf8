"""Sliding windows of Convolution, Deconvolution, Im2col and Pooling: kernel, stride, pad and dilation of every axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from prototxt.common.errors import NetError
from prototxt.formats.schema import ConvolutionParameter, LayerParameter, PoolingParameter


class Window(NamedTuple):
    """A window along one axis: ``kernel`` taps, ``dilation`` apart, moved by ``stride`` from ``pad`` before 0."""

    kernel: int
    stride: int = 1
    pad: int = 0
    dilation: int = 1

    @property
    def extent(self) -> int:
        """Positions from the first to the last tap, both included."""
        return self.dilation * (self.kernel - 1) + 1


def convolution_windows(layer: LayerParameter, axes: int) -> tuple[Window, ...]:
    """Return the windows of a Convolution, Deconvolution or Im2col layer (base_conv_layer.cpp, LayerSetUp).

    Parameters
    ----------
    layer : the layer.
    axes : number of spatial axes of its bottom.

    Raises
    ------
    NetError : for sizes that are missing, zero, given twice, or not one per axis.
    """
    param = layer.convolution_param
    kernels = _sizes(layer, param, "kernel_size", "kernel", axes, None)
    strides = _sizes(layer, param, "stride", "stride", axes, 1)
    pads = _sizes(layer, param, "pad", "pad", axes, 0)
    dilations = _per_axis(layer, "dilation", list(param.dilation), axes, 1)
    if min([*kernels, *strides, *dilations], default=1) < 1:
        raise NetError(
            f"layer {layer.name!r} ({layer.type}): kernel, stride and dilation must be at least 1; got {kernels},"
            f" {strides} and {dilations}"
        )
    return tuple(map(Window, kernels, strides, pads, dilations))


def pooling_windows(layer: LayerParameter, height: int, width: int) -> tuple[Window, Window]:
    """Return the windows of a Pooling layer on a bottom of ``height`` and ``width`` (pooling_layer.cpp, LayerSetUp).

    Raises
    ------
    NetError : for sizes that are missing, zero or given twice, a pad that reaches the kernel, or global pooling with a
        kernel, pad or stride.
    """
    param = layer.pooling_param
    if param.global_pooling:
        return _global_windows(layer, height, width)
    kernels = _pair(layer, param, "kernel_size", "kernel", None)
    strides = _pair(layer, param, "stride", "stride", 1)
    pads = _pair(layer, param, "pad", "pad", 0)
    if min(*kernels, *strides) < 1:
        raise NetError(
            f"layer {layer.name!r} (Pooling): kernel and stride must be at least 1; got kernel {kernels}, stride"
            f" {strides}"
        )
    if any(pads) and param.pool == PoolingParameter.STOCHASTIC:
        raise NetError(f"layer {layer.name!r} (Pooling): pad goes with MAX and AVE only; got STOCHASTIC, pad {pads}")
    if any(pad >= kernel for pad, kernel in zip(pads, kernels, strict=True)):
        raise NetError(
            f"layer {layer.name!r} (Pooling): pad must be smaller than the kernel; got pad {pads}, kernel {kernels}"
        )
    vertical, horizontal = (Window(*sizes) for sizes in zip(kernels, strides, pads, strict=True))
    return vertical, horizontal


def pooled_size(length: int, window: Window, padded: bool, ceil: bool = True) -> int:
    """Return the output length of pooling along one axis (pooling_layer.cpp, Reshape).

    Parameters
    ----------
    length : input length.
    window : the window along the axis.
    padded : whether *any* axis of the layer is padded: then a last window that starts in the padding is dropped.
    ceil : round up, as Caffe does; False for ``round_mode: FLOOR``.
    """
    span = length + 2 * window.pad - window.kernel
    size = (-(-span // window.stride) if ceil else span // window.stride) + 1
    if padded and (size - 1) * window.stride >= length + window.pad:
        size -= 1
    return size


def _global_windows(layer: LayerParameter, height: int, width: int) -> tuple[Window, Window]:
    param = layer.pooling_param
    sizes = ("kernel_size", "kernel_h", "kernel_w")
    if any(param.HasField(name) for name in sizes):
        raise NetError(f"layer {layer.name!r} (Pooling): global_pooling takes no kernel size; leave one of them out")
    moved = [getattr(param, name) for name in ("pad", "pad_h", "pad_w")]
    strides = [getattr(param, name) for name in ("stride", "stride_h", "stride_w") if param.HasField(name)]
    if any(moved) or any(stride != 1 for stride in strides):
        raise NetError(f"layer {layer.name!r} (Pooling): global_pooling goes with pad 0 and stride 1 only")
    return Window(height), Window(width)


def _pair(layer: LayerParameter, param: PoolingParameter, both: str, stem: str, default: int | None) -> list[int]:
    """Read ``both`` or the pair ``stem_h``, ``stem_w``."""
    pair = [f"{stem}_h", f"{stem}_w"]
    given = [name for name in pair if param.HasField(name)]
    if given and param.HasField(both):
        raise NetError(f"layer {layer.name!r} ({layer.type}): give {both} or {' and '.join(pair)}, not both")
    if len(given) == 1:
        raise NetError(f"layer {layer.name!r} ({layer.type}): give both {' and '.join(pair)}; got {given[0]} only")
    if given:
        return [getattr(param, name) for name in pair]
    if not param.HasField(both) and default is None:
        raise NetError(f"layer {layer.name!r} ({layer.type}): {both} is missing")
    return [getattr(param, both)] * 2


def _sizes(
    layer: LayerParameter, param: ConvolutionParameter, both: str, stem: str, axes: int, default: int | None
) -> list[int]:
    """Read the repeated field ``both``, or ``stem_h`` and ``stem_w`` for two axes."""
    pair = [f"{stem}_h", f"{stem}_w"]
    given = list(getattr(param, both))
    if not (param.HasField(pair[0]) or param.HasField(pair[1])):
        return _per_axis(layer, both, given, axes, default)
    if given or axes != 2:
        raise NetError(
            f"layer {layer.name!r} ({layer.type}): {' and '.join(pair)} are for two spatial axes and exclude {both};"
            f" got {axes} axes and {both} {given}"
        )
    return [getattr(param, name) for name in pair]


def _per_axis(layer: LayerParameter, name: str, given: Sequence[int], axes: int, default: int | None) -> list[int]:
    if not given and default is not None:
        return [default] * axes
    if len(given) not in (1, axes):
        raise NetError(
            f"layer {layer.name!r} ({layer.type}): {name} must be given once, or once per spatial axis ({axes}); got"
            f" {list(given)}"
        )
    return list(given) * axes if len(given) == 1 else list(given)
