"""Convolution, Deconvolution and Im2col."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from converters.back.emitter import Emitter
from converters.back.registry import describes
from converters.back.source_layer import SourceLayer
from converters.back.windows import Filters


@describes("Convolution", "Deconvolution")
def convolution(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """The same filters for every bottom; with ``axis`` > 1 several axes stand in place of the batch."""
    filters = Filters.of(layer)
    axis = layer.axis(layer.param.convolution_param.axis)
    if axis == 1:
        return [emit.convolution(x, filters) for x in bottoms]
    tops = []
    for x, shape, top_shape in zip(bottoms, layer.bottom_shapes, layer.top_shapes, strict=True):
        items = emit.keep(emit.reshape(x, (-1, *shape[axis:])), "items")
        top = emit.keep(emit.convolution(items, filters), "maps")
        tops.append(emit.reshape(top, (-1, *top_shape[1:])))
    return tops


@describes("Im2col")
def im2col(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """The patch under every position of a kernel as a column of channels."""
    filters = Filters.of(layer)
    height, width = layer.top_shapes[0][2:]
    return [emit.patches(bottoms[0], filters, (height, width))]
