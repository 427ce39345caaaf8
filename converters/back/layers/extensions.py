"""Layers of forks of Caffe that only move or normalise numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from converters.back.emitter import Emitter
from converters.back.registry import describes
from converters.back.source_layer import SourceLayer
from prototxt.net.shape_rules.extensions import permute_order, upsample_factors


@describes("ReLU6")
def relu6(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """``min(max(x, 0), 6)``."""
    return [emit.activation("relu6", bottoms[0])]


@describes("Permute")
def permute(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """The axes in another order."""
    return [emit.transpose(bottoms[0], permute_order(layer.node, layer.shape))]


@describes("Normalize")
def normalize(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """``scale · x / sqrt(Σ x² + eps)`` over the channels, or over a whole item."""
    (x,), param = bottoms, layer.param.norm_param
    squares = emit.keep(
        emit.reduce("sum", emit.multiply(x, x), (1, 2, 3) if param.across_spatial else (1,), True), "sum"
    )
    norm = emit.keep(emit.unary("sqrt", emit.add(squares, param.eps)), "norm")
    return [emit.multiply(emit.divide(x, norm), emit.parameter("weight", layer.blobs[0].reshape(-1, 1, 1), 0))]


@describes("Interp")
def interp(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Bilinear, corner pixels on corner pixels; negative pads cut before."""
    (x,), param = bottoms, layer.param.interp_param
    begin, end = -param.pad_beg, -param.pad_end
    if begin or end:
        for axis in (2, 3):
            x = emit.narrow(x, axis, begin, layer.shape[axis] - end)
        x = emit.keep(x, "inner")
    height, width = layer.top_shapes[0][2:]
    inner = (layer.shape[2] - begin - end, layer.shape[3] - begin - end)
    return [x if inner == (height, width) else emit.resize(x, inner, (height, width), "align corners")]


@describes("Upsample")
def upsample(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Every pixel several times, times ``scale``."""
    height, width = layer.top_shapes[0][2:]
    factors = upsample_factors(layer.node, layer.shape)
    x, scale = bottoms[0], layer.param.upsample_param.scale
    top = x if factors == (1, 1) else emit.resize(x, (layer.shape[2], layer.shape[3]), (height, width), "nearest")
    return [top if scale == 1 else emit.multiply(top, scale)]


@describes("Reorg")
def reorg(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Pixels into channels in the order of Darknet's code, or with ``reverse`` back."""
    (_, channels, height, width), s = layer.shape, layer.param.reorg_param.stride
    inner = channels // s**2
    if layer.param.reorg_param.reverse:
        parts, order = (0, s, s, inner, height, width), (0, 3, 4, 1, 5, 2)
    else:
        parts, order = (0, inner, height, s, width, s), (0, 3, 5, 1, 2, 4)
    pixels = emit.keep(emit.transpose(emit.reshape(bottoms[0], parts), order), "pixels")
    return [emit.reshape(pixels, (0, *layer.top_shapes[0][1:]))]


@describes("ShuffleChannel")
def shuffle_channel(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """The channels of all groups in turn."""
    group, rest = layer.param.shuffle_channel_param.group, layer.shape[2:]
    parts = emit.reshape(bottoms[0], (0, group, layer.shape[1] // group, *rest))
    turned = emit.keep(emit.transpose(parts, (0, 2, 1, *range(3, 3 + len(rest)))), "turned")
    return [emit.reshape(turned, (0, *layer.shape[1:]))]
