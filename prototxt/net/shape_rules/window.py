"""Convolution, Deconvolution, Im2col, Pooling and SPP: windows that slide over the spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from prototxt.common.errors import NetError
from prototxt.formats.schema import PoolingParameter
from prototxt.net.graph import Node
from prototxt.net.shape_rules.registry import LayerShapes, Shape, canonical_axis, require_between, shape_rule
from prototxt.net.windows import Window, convolution_windows, pooled_size, pooling_windows


@shape_rule("Convolution", "Deconvolution", bottoms=(1, None), tops=(1, None))
def convolution(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow base_conv_layer.cpp, conv_layer.cpp and deconv_layer.cpp; every bottom makes one top."""
    if len(node.tops) != len(bottoms):
        raise NetError(f"{node}: needs as many tops as bottoms; got {len(node.tops)} and {len(bottoms)}")
    if any(shape != bottoms[0] for shape in bottoms):
        raise NetError(f"{node}: all bottoms must have one shape; got {list(bottoms)}")
    param = node.layer.convolution_param
    axis = canonical_axis(node, param.axis, bottoms[0])
    channels, spatial = bottoms[0][axis], bottoms[0][axis + 1 :]
    if param.num_output < 1 or param.group < 1 or channels % param.group or param.num_output % param.group:
        raise NetError(
            f"{node}: group must divide the bottom's channels and num_output, both at least 1; got group"
            f" {param.group}, channels {channels}, num_output {param.num_output}"
        )
    windows = convolution_windows(node.layer, len(spatial))
    size = _convolved if node.type == "Convolution" else _deconvolved
    lengths = tuple(size(node, length, window) for length, window in zip(spatial, windows, strict=True))
    first, second = param.num_output, channels
    if node.type == "Deconvolution":
        first, second = second, first
    weights = (first, second // param.group, *(window.kernel for window in windows))
    top = (*bottoms[0][:axis], param.num_output, *lengths)
    return LayerShapes([top] * len(bottoms), [weights, (param.num_output,)][: 1 + param.bias_term])


@shape_rule("Im2col")
def im2col(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow im2col_layer.cpp: every window becomes a column of channels."""
    axis = canonical_axis(node, node.layer.convolution_param.axis, bottoms[0])
    spatial = bottoms[0][axis + 1 :]
    if not spatial:
        raise NetError(f"{node}: needs a bottom with spatial axes behind axis {axis}; got shape {bottoms[0]}")
    windows = convolution_windows(node.layer, len(spatial))
    channels = bottoms[0][axis] * prod(window.kernel for window in windows)
    lengths = (_convolved(node, length, window) for length, window in zip(spatial, windows, strict=True))
    return LayerShapes([(*bottoms[0][:axis], channels, *lengths)])


@shape_rule("Pooling", tops=(1, 2))
def pooling(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow pooling_layer.cpp: sizes round up, and a last window that starts in the padding is dropped."""
    require_between(node, bottoms[0], 4, 4)
    param = node.layer.pooling_param
    if len(node.tops) == 2 and param.pool != PoolingParameter.MAX:
        raise NetError(f"{node}: a second top (the mask) goes with MAX only")
    batch, channels, *spatial = bottoms[0]
    windows = pooling_windows(node.layer, spatial[0], spatial[1])
    padded = any(window.pad for window in windows)
    ceil = param.round_mode == PoolingParameter.CEIL
    lengths = [pooled_size(length, window, padded, ceil) for length, window in zip(spatial, windows, strict=True)]
    if min(lengths) < 1:
        kernels = [window.kernel for window in windows]
        raise NetError(
            f"{node}: kernel {kernels} is too large for the padded bottom {bottoms[0]}; nothing would be left"
        )
    return LayerShapes([(batch, channels, *lengths)] * len(node.tops))


@shape_rule("SPP")
def spatial_pyramid(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow spp_layer.cpp: pyramid level i has 2^i by 2^i bins; one level alone stays a map."""
    require_between(node, bottoms[0], 4, 4)
    levels = node.layer.spp_param.pyramid_height
    batch, channels, height, width = bottoms[0]
    if levels < 1 or 2 ** (levels - 1) > min(height, width):
        raise NetError(f"{node}: pyramid_height must be 1 or more, with bins no smaller than a pixel; got {levels}")
    if levels == 1:
        return LayerShapes([(batch, channels, 1, 1)])
    return LayerShapes([(batch, channels * (4**levels - 1) // 3)])


def _convolved(node: Node, length: int, window: Window) -> int:
    span = length + 2 * window.pad - window.extent
    if span < 0:
        raise NetError(
            f"{node}: the kernel covers {window.extent} positions (kernel {window.kernel}, dilation {window.dilation}),"
            f" more than the padded bottom has: {length} + 2*{window.pad}"
        )
    return span // window.stride + 1


def _deconvolved(node: Node, length: int, window: Window) -> int:
    size = window.stride * (length - 1) + window.extent - 2 * window.pad
    if size < 1:
        raise NetError(f"{node}: pad {window.pad} cuts all of the output away; it must be smaller")
    return size
