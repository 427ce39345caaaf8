"""Parts of a value: ranges, pieces, chosen or every n-th places along one axis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np

from converters.call import Call, Result
from converters.compose.reshaping import reshape
from converters.errors import RefusedError
from converters.layer_spec import Blob
from converters.ops.axis_map import map_axis, picking
from converters.ops.concat import concat
from converters.ops.shift import shift_window
from converters.registry import converts

MOST_PIECES = 9
"""Ranges that Slice and Concat are used for; where there are more, one matrix along the axis picks the places."""

LARGEST_MARGIN = 8
"""Places at an end that a one-hot convolution takes away; its kernel is as much wider than 1."""


@converts("aten.slice.Tensor", status="trick")
def convert_slice(call: Call) -> Result:
    """Slice; a step, or an end counted from behind, is a one-hot Convolution per channel."""
    blob, axis = call.blob("self"), _axis(call)
    start, stop, step = slice(call["start"], call["end"], call["step"]).indices(blob.shape[axis])
    return _every(call, blob, axis, range(start, stop, step))


@converts("aten.select.int", status="trick")
def convert_select(call: Call) -> Result:
    """Slice, then a Reshape without the axis."""
    blob, axis = call.blob("self"), _axis(call)
    start = call["index"] % blob.shape[axis]
    if axis >= 2 and call["index"] < 0:
        call.fix_size("takes places of a map by their numbers")
    return reshape(call, take(call, blob, axis, start, start + 1), call.shape)


@converts("aten.split.Tensor", "aten.split_with_sizes.default", "aten.unbind.int")
def convert_split(call: Call) -> Result:
    """Slice with a top for every piece; the pieces of ``unbind`` lose the axis by Reshape."""
    blob, axis = call.blob("self"), _axis(call)
    extent = blob.shape[axis]
    if call.op == "aten.unbind.int":
        without = (*blob.shape[:axis], *blob.shape[axis + 1 :])
        return tuple(reshape(call, piece, without).name for piece in pieces(call, blob, axis, [1] * extent, part=""))
    if axis >= 2:
        call.fix_size("slices a map at fixed places")
    sizes = call["split_sizes"] if "split_sizes" in call.arguments else _equal_sizes(call["split_size"], extent)
    return tuple(piece.name for piece in pieces(call, blob, axis, sizes, part=""))


@converts("aten.index_select.default", status="trick")
def convert_index_select(call: Call) -> Result:
    """Slice and Concat, or a frozen Convolution or InnerProduct that picks many places."""
    indices = call.constant("index")
    assert indices is not None
    return gather(call, call.blob("self"), _axis(call), indices.reshape(-1).tolist())


@converts("aten.index.Tensor", status="trick")
def convert_index(call: Call) -> Result:
    """As index_select, by one constant array of indices."""
    blob = call.blob("self")
    given = [(axis, index) for axis, index in enumerate(call["indices"]) if index is not None]
    if len(given) != 1 or isinstance(given[0][1], Blob):
        raise RefusedError("by several arrays of indices, or by computed ones; by one constant array it can")
    axis, index = given[0]
    return reshape(call, gather(call, blob, axis, index.reshape(-1).tolist()), call.shape)


@converts("aten.flip.default", status="trick")
def convert_flip(call: Call) -> Result:
    """Slice and Concat for few places, else a frozen Convolution or InnerProduct."""
    blob = call.blob("self")
    for axis in (axis % len(blob.shape) for axis in call["dims"]):
        blob = gather(call, blob, axis, list(range(blob.shape[axis]))[::-1])
    return blob


@converts("aten.roll.default", status="trick")
def convert_roll(call: Call) -> Result:
    """Slice into two ranges along every axis, and Concat the other way round."""
    blob = call.blob("self")
    if not call["dims"]:
        raise RefusedError("without dims, through all axes as if they were one")
    for amount, dim in zip(call["shifts"], call["dims"], strict=True):
        axis = dim % len(blob.shape)
        blob = gather(call, blob, axis, np.roll(np.arange(blob.shape[axis]), amount).tolist())
    return blob


def take(call: Call, blob: Blob, axis: int, start: int, stop: int) -> Blob:
    """Append a Slice that keeps the places from ``start`` to ``stop`` along ``axis``."""
    sizes = [start, stop - start, blob.shape[axis] - stop]
    kept = [index for index, size in enumerate(sizes) if size]
    return pieces(call, blob, axis, [sizes[index] for index in kept])[kept.index(1)]


def pieces(call: Call, blob: Blob, axis: int, sizes: Sequence[int], part: str = "slice") -> list[Blob]:
    """Append a Slice into pieces of ``sizes``; nothing for a single one, for which Caffe would lose the gradient.

    Without points Slice makes equal pieces of whatever it is given, so that a chunked height stays free.
    """
    if len(sizes) == 1:
        return [blob]
    if not all(sizes):
        raise RefusedError(f"into pieces of {list(sizes)}, of which one is empty")
    points = {} if axis != 1 and len(set(sizes)) == 1 else {"slice_point": list(accumulate(sizes))[:-1]}
    tops = [f"{part}/{number}".lstrip("/") for number in range(len(sizes))]
    names = call.layer_with_tops("Slice", blob, part, tops, slice_param={"axis": axis, **points})
    return [
        Blob(name, (*blob.shape[:axis], size, *blob.shape[axis + 1 :])) for name, size in zip(names, sizes, strict=True)
    ]


def gather(call: Call, blob: Blob, axis: int, indices: Sequence[int]) -> Blob:
    """Append what picks the places ``indices`` along ``axis``, in that order: Slice and Concat, or one matrix."""
    extent = blob.shape[axis]
    wanted = [index % extent for index in indices]
    if not wanted:
        raise RefusedError("down to nothing")
    if axis >= 2 and wanted != list(range(extent)):
        call.fix_size("takes places of a map by their numbers")
    starts = [0, *(place for place, (a, b) in enumerate(pairwise(wanted), 1) if b != a + 1), len(wanted)]
    ranges = [(wanted[first], wanted[behind - 1] + 1) for first, behind in pairwise(starts)]
    if len(ranges) > MOST_PIECES:
        return map_axis(call, blob, axis, picking(wanted, extent), part="picked")
    inner = {bound for bounds in ranges if bounds != (0, extent) for bound in bounds}
    points = sorted(inner | {0, extent})
    cut = dict(zip(points, pieces(call, blob, axis, [b - a for a, b in pairwise(points)]), strict=False))
    joined: list[Blob] = []
    for start, stop in ranges:
        whole = (start, stop) == (0, extent)
        joined += [blob] if whole else [cut[point] for point in points if start <= point < stop]
    return concat(call, joined, axis)


def _every(call: Call, blob: Blob, axis: int, places: range) -> Blob:
    """The places of a range with any step; in a form that holds for every extent where the range ends at the end."""
    extent = blob.shape[axis]
    if not places:
        raise RefusedError("down to nothing")
    behind = extent - places.stop
    to_the_end = call["end"] is None or call["end"] < 0 or call["end"] >= extent
    near = places.start <= LARGEST_MARGIN and behind <= LARGEST_MARGIN and (call["start"] or 0) >= 0
    if axis >= 2 and to_the_end and near and (behind or places.step > 1):
        return shift_window(call, blob, {axis: (-places.start, -behind)}, {axis: places.step})
    if axis >= 2 and (not to_the_end or behind or (call["start"] or 0) < 0):
        call.fix_size("slices a map at a fixed place")
    taken = take(call, blob, axis, places.start, places.stop)
    if places.step == 1:
        return taken
    if axis >= 2:
        return shift_window(call, taken, {}, {axis: places.step})
    return gather(call, blob, axis, list(places))


def _axis(call: Call) -> int:
    return call["dim"] % len(call.blob("self").shape)


def _equal_sizes(size: int, extent: int) -> list[int]:
    """Pieces of ``size`` places, the last one perhaps smaller."""
    return [min(size, extent - start) for start in range(0, extent, size)]
