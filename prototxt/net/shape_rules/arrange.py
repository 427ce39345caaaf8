"""Layers that put the same numbers into another shape or order: Concat, Slice, Flatten, Reshape, Crop and others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from prototxt.common.errors import NetError
from prototxt.net.graph import Node
from prototxt.net.shape_rules.registry import LayerShapes, Shape, canonical_axis, shape_rule


@shape_rule("Concat", bottoms=(1, None))
def concat(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow concat_layer.cpp: the shapes agree on all axes but the one that is joined."""
    axis = concat_axis(node, bottoms[0])
    for shape in bottoms:
        if len(shape) != len(bottoms[0]) or _without(shape, axis) != _without(bottoms[0], axis):
            raise NetError(f"{node}: bottoms must agree on every axis but {axis}; got {list(bottoms)}")
    return LayerShapes([(*bottoms[0][:axis], sum(shape[axis] for shape in bottoms), *bottoms[0][axis + 1 :])])


def concat_axis(node: Node, shape: Shape) -> int:
    """Return the axis that a Concat layer joins, from 0; ``concat_dim`` is its old name."""
    param = node.layer.concat_param
    return _axis_or_old_name(node, shape, param.axis, "concat_dim", param.HasField("axis"))


@shape_rule("Slice", tops=(1, None))
def slice_(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow slice_layer.cpp: cut at ``slice_point``, or into equal parts."""
    axis, points = slice_axis(node, bottoms[0]), slice_bounds(node, bottoms[0])
    lengths = (end - start for start, end in pairwise(points))
    return LayerShapes([(*bottoms[0][:axis], length, *bottoms[0][axis + 1 :]) for length in lengths])


def slice_axis(node: Node, shape: Shape) -> int:
    """Return the axis that a Slice layer cuts, from 0; ``slice_dim`` is its old name."""
    param = node.layer.slice_param
    return _axis_or_old_name(node, shape, param.axis, "slice_dim", param.HasField("axis"))


def slice_bounds(node: Node, shape: Shape) -> list[int]:
    """Return where the tops of a Slice layer start along its axis, and where the last one ends.

    Raises
    ------
    NetError : if the points do not fit the tops or the axis, or the axis cannot be cut into equal parts.
    """
    length, tops = shape[slice_axis(node, shape)], len(node.tops)
    points = list(node.layer.slice_param.slice_point)
    if not points:
        if length % tops:
            raise NetError(f"{node}: {length} positions cannot be cut into {tops} equal parts; give slice_point")
        return list(range(0, length + 1, length // tops))
    bounds = [0, *points, length]
    if len(points) != tops - 1 or any(start >= end for start, end in pairwise(bounds)):
        raise NetError(
            f"{node}: slice_point must be {tops - 1} increasing positions between 0 and {length}; got {points}"
        )
    return bounds


@shape_rule("Flatten")
def flatten(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow flatten_layer.cpp: the axes from ``axis`` to ``end_axis``, both included, become one."""
    param, shape = node.layer.flatten_param, bottoms[0]
    first = canonical_axis(node, param.axis, shape)
    last = canonical_axis(node, param.end_axis, shape, "end_axis")
    if node.in_place:
        raise NetError(f"{node}: cannot work in place; give its top a name of its own")
    if last < first:
        raise NetError(f"{node}: end_axis {last} must not lie before axis {first}")
    return LayerShapes([(*shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :])])


@shape_rule("Reshape")
def reshape(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow reshape_layer.cpp: 0 copies an axis, one -1 takes what is left."""
    param, shape = node.layer.reshape_param, bottoms[0]
    if node.in_place:
        raise NetError(f"{node}: cannot work in place; give its top a name of its own")
    first = param.axis if param.axis >= 0 else len(shape) + 1 + param.axis
    last = len(shape) if param.num_axes == -1 else first + param.num_axes
    if not 0 <= first <= len(shape) or param.num_axes < -1 or last > len(shape):
        raise NetError(f"{node}: axis {param.axis} and num_axes {param.num_axes} must name axes of the bottom {shape}")
    wanted = list(param.shape.dim)
    if any(size < -1 for size in wanted) or wanted.count(-1) > 1 or 0 in wanted[len(shape) - first :]:
        raise NetError(
            f"{node}: shape must be made of sizes, 0 (copy this axis of {shape}) and at most one -1; got {wanted}"
        )
    sizes = [shape[first + place] if size == 0 else size for place, size in enumerate(wanted)]
    top = _fill_in((*shape[:first], *sizes, *shape[last:]), prod(shape))
    if prod(top) != prod(shape):
        raise NetError(f"{node}: cannot make {wanted} of axes {first} to {last - 1} of {shape}: the counts differ")
    return LayerShapes([top])


@shape_rule("Crop", bottoms=(2, 2))
def crop(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow crop_layer.cpp: the axes from ``axis`` on get the size of the second bottom."""
    offsets = crop_offsets(node, bottoms)
    axis = len(bottoms[0]) - len(offsets)
    return LayerShapes([bottoms[0][:axis] + bottoms[1][axis:]])


def crop_offsets(node: Node, bottoms: Sequence[Shape]) -> list[int]:
    """Return where a Crop layer starts along each of the last axes that it crops.

    Raises
    ------
    NetError : if the offsets are not one or one per axis, or the cut does not fit into the first bottom.
    """
    source, size = bottoms
    if len(size) != len(source):
        raise NetError(f"{node}: both bottoms must have as many axes; got {source} and {size}")
    param = node.layer.crop_param
    axis = canonical_axis(node, param.axis, source)
    number = len(source) - axis
    if len(param.offset) not in (0, 1, number):
        raise NetError(
            f"{node}: offset must be given once, or once for each of {number} axes; got {list(param.offset)}"
        )
    offsets = list(param.offset) or [0]
    offsets = offsets * number if len(offsets) == 1 else offsets
    for place, offset in enumerate(offsets, axis):
        if offset + size[place] > source[place]:
            raise NetError(f"{node}: offset {offset} and size {size[place]} exceed axis {place} of {source}")
    return offsets


@shape_rule("Tile")
def tile(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow tile_layer.cpp: the axis is repeated ``tiles`` times."""
    param, shape = node.layer.tile_param, bottoms[0]
    axis = canonical_axis(node, param.axis, shape)
    if param.tiles < 1:
        raise NetError(f"{node}: tiles must be at least 1; got {param.tiles}")
    return LayerShapes([(*shape[:axis], shape[axis] * param.tiles, *shape[axis + 1 :])])


@shape_rule("BatchReindex", bottoms=(2, 2))
def batch_reindex(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow batch_reindex_layer.cpp: one item for each index in the second bottom."""
    if len(bottoms[1]) != 1:
        raise NetError(f"{node}: the second bottom must be a list of indices; got shape {bottoms[1]}")
    return LayerShapes([bottoms[1] + bottoms[0][1:]])


@shape_rule("Filter", bottoms=(2, None), tops=(1, None))
def filter_(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow filter_layer.cpp: how many items pass depends on the data; the shape is that of all of them."""
    if len(node.tops) != len(bottoms) - 1:
        raise NetError(f"{node}: needs one top for each bottom but the last (the selector); got {len(node.tops)}")
    *filtered, selector = bottoms
    if prod(selector[1:]) != 1 or any(shape[:1] != selector[:1] for shape in filtered):
        raise NetError(f"{node}: needs a selector (batch, 1, …) and bottoms of the same batch; got {list(bottoms)}")
    return LayerShapes(filtered)


def _axis_or_old_name(node: Node, shape: Shape, axis: int, old: str, has_axis: bool) -> int:
    param = node.layer.concat_param if node.type == "Concat" else node.layer.slice_param
    if not param.HasField(old):
        return canonical_axis(node, axis, shape)
    if has_axis:
        raise NetError(f"{node}: give axis or its old name {old}, not both")
    return canonical_axis(node, getattr(param, old), shape, old)


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]


def _fill_in(shape: Shape, count: int) -> Shape:
    """Replace a -1 in ``shape`` by what makes ``count`` numbers of it."""
    rest = prod(size for size in shape if size != -1)
    return tuple(count // max(rest, 1) if size == -1 else size for size in shape)
