"""Layers that only move numbers about: Concat, Slice, Split, Flatten, Reshape, Crop, Tile, and pickers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from converters.back.emitter import Emitter
from converters.back.registry import describes
from converters.back.source_layer import SourceLayer
from prototxt.net.shape_rules.arrange import concat_axis, crop_offsets, slice_axis, slice_bounds


@describes("Concat")
def concat(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """All bottoms behind each other."""
    if len(bottoms) == 1:
        return bottoms
    return [emit.concatenate(bottoms, concat_axis(layer.node, layer.shape))]


@describes("Slice")
def slice_(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Parts of the bottom along an axis; those that nobody wants are not cut out."""
    axis, bounds = slice_axis(layer.node, layer.shape), slice_bounds(layer.node, layer.shape)
    return [
        (emit.narrow(bottoms[0], axis, start, stop) if wanted else None)
        for (start, stop), wanted in zip(pairwise(bounds), layer.wanted, strict=True)
    ]


@describes("Split")
def split(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """The bottom as every top."""
    return list(bottoms) * len(layer.top_shapes)


@describes("Flatten")
def flatten(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Axes ``axis`` to ``end_axis`` as one."""
    param = layer.param.flatten_param
    first, last = layer.axis(param.axis), layer.axis(param.end_axis)
    if last == len(layer.shape) - 1:
        return [emit.flatten(bottoms[0], first, layer.shape)]
    return [emit.reshape(bottoms[0], (*[0] * first, -1, *layer.shape[last + 1 :]))]


@describes("Reshape")
def reshape(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Replaces ``num_axes`` axes from ``axis`` on: 0 copies a length, -1 is what is left."""
    param, shape = layer.param.reshape_param, layer.shape
    first = param.axis if param.axis >= 0 else len(shape) + param.axis + 1
    last = len(shape) if param.num_axes == -1 else first + param.num_axes
    return [emit.reshape(bottoms[0], (*[0] * first, *param.shape.dim, *shape[last:]))]


@describes("Crop")
def crop(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """The first bottom in the size of the second, from ``axis`` on."""
    offsets = crop_offsets(layer.node, layer.bottom_shapes)
    axis = len(layer.shape) - len(offsets)
    return [emit.crop(bottoms[0], bottoms[1], axis, offsets, layer.top_shapes[0][axis:])]


@describes("Tile")
def tile(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """The bottom several times behind itself."""
    param = layer.param.tile_param
    return [emit.tile(bottoms[0], len(layer.shape), layer.axis(param.axis), param.tiles)]


@describes("BatchReindex")
def batch_reindex(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Items of the first bottom's batch by the indices in the second."""
    return [emit.pick(*bottoms)]


@describes("Filter")
def filter_(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Those items of every bottom whose number in the last one is not zero."""
    *filtered, selector = bottoms
    return [emit.choose(x, selector) for x in filtered]
