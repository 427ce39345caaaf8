"""Axes in another order: transpose, permute, channel shuffle, pixel shuffle.

Stock Caffe has no Permute. What there is to do is put together from exchanges of two neighbouring blocks of axes, and
one exchange (..., a, b, rest) → (..., b, a, rest) is

* nothing but a Reshape where a or b is 1;
* Slice of the shorter block, Reshape of each piece, Concat, where that makes few pieces;
* otherwise one convolution: with b pixels wide windows and b one-hot filters for a single channel of a·b rows, or
  transposed, with a channels of b rows that are written between each other. It costs min(a, b) products a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from converters.call import Call, Result
from converters.compose.reshaping import reshape
from converters.layer_spec import Blob
from converters.ops.concat import concat
from converters.ops.geometry import window
from converters.ops.slice import pieces
from converters.registry import converts

MOST_PIECES = 8
"""Pieces that an exchange is put together from; where there are more, a convolution does it."""


@converts("aten.permute.default", "aten.transpose.int", "aten.t.default", status="trick")
def convert_permute(call: Call) -> Result:
    """Reshape; Slice and Concat for few places, else a one-hot Convolution or Deconvolution."""
    blob = call.blob("self")
    order = list(range(len(blob.shape)))
    if "dims" in call.arguments:
        order = [dim % len(order) for dim in call["dims"]]
    else:
        first, second = call.get("dim0", 0) % len(order), call.get("dim1", -1) % len(order)
        order[first], order[second] = order[second], order[first]
    return permute(call, blob, order)


@converts("aten.channel_shuffle.default", status="trick")
def convert_channel_shuffle(call: Call) -> Result:
    """Reshape, Slice and Concat."""
    blob, groups = call.blob("self"), call["groups"]
    apart = reshape(call, blob, (blob.shape[0], groups, blob.shape[1] // groups, *blob.shape[2:]))
    return reshape(call, permute(call, apart, [0, 2, 1, *range(3, len(apart.shape))]), blob.shape)


@converts("aten.pixel_shuffle.default", status="trick")
def convert_pixel_shuffle(call: Call) -> Result:
    """Deconvolution with a one-hot filter for each of the ``r * r`` channels that make one of ``r`` times the size."""
    blob, r = call.blob("self", axes=4), call["upscale_factor"]
    return _shuffle_pixels(call, blob, "Deconvolution", r, call.shape[1], call.shape)


@converts("aten.pixel_unshuffle.default", status="trick")
def convert_pixel_unshuffle(call: Call) -> Result:
    """Convolution with the same one-hot filters."""
    blob, r = call.blob("self", axes=4), call["downscale_factor"]
    return _shuffle_pixels(call, blob, "Convolution", r, blob.shape[1], call.shape)


def permute(call: Call, blob: Blob, order: Sequence[int]) -> Blob:
    """Append what puts the axes into ``order``: the fewer blocks of axes stay together, the more layers."""
    want = tuple(blob.shape[axis] for axis in order)
    real = [axis for axis, extent in enumerate(blob.shape) if extent > 1 or axis == 0]
    blob = reshape(call, blob, [blob.shape[axis] for axis in real])
    blocks = _blocks([real.index(axis) for axis in order if axis in real])
    places = sorted(blocks)
    for place, block in enumerate(blocks):
        between = places[place : places.index(block)]
        if between:
            start = sum(map(len, places[:place]))
            blob = _exchange(call, blob, start, sum(map(len, between)), len(block))
            places = [*places[:place], block, *between, *(other for other in places[place:] if other > block)]
    return reshape(call, blob, want)


def exchange_with_batch(call: Call, blob: Blob, batch: int) -> Blob:
    """Append what exchanges the first two axes, of which ``batch`` (0 or 1) stays free."""
    return _exchange(call, blob, 0, 1, 1, batch)


def _blocks(order: Sequence[int]) -> list[tuple[int, ...]]:
    """Axes that stay behind each other, in their new order."""
    blocks: list[tuple[int, ...]] = []
    for axis in order:
        if blocks and blocks[-1][-1] + 1 == axis:
            blocks[-1] = (*blocks[-1], axis)
        else:
            blocks.append((axis,))
    return blocks


def _exchange(call: Call, blob: Blob, start: int, n_a: int, n_b: int, batch: int = 0) -> Blob:
    """Append what exchanges ``n_a`` axes from ``start`` on with the next ``n_b``; the axis ``batch`` stays free."""
    pre, axes_a, axes_b, post = _parts(blob.shape, start, n_a, n_b)
    a, b = prod(axes_a), prod(axes_b)
    by_first = batch >= start + n_a or (batch < start and a <= b)
    if (a if by_first else b) > MOST_PIECES:
        swapped = (_interleave if by_first else _collect)(call, blob, start, n_a, n_b)
    elif by_first:
        swapped = _join_pieces(call, reshape(call, blob, (*pre, a, *axes_b, *post)), start, start + n_b)
    else:
        swapped = _join_pieces(call, reshape(call, blob, (*pre, *axes_a, b, *post)), start + n_a, start)
    return reshape(call, swapped, (*pre, *axes_b, *axes_a, *post))


def _join_pieces(call: Call, blob: Blob, axis: int, place: int) -> Blob:
    """Move an axis to another place: a piece for each of its extents, joined there."""
    others = [*blob.shape[:axis], *blob.shape[axis + 1 :]]
    parts = pieces(call, blob, axis, [1] * blob.shape[axis])
    free = 1 if place == 0 else 0 if axis == 0 else None  # where the batch stands afterwards, if it moves
    moved = [reshape(call, part, (*others[:place], 1, *others[place:]), free) for part in parts]
    return concat(call, moved, place)


def _interleave(call: Call, blob: Blob, start: int, n_a: int, n_b: int) -> Blob:
    """Exchange by Deconvolution: its channels are the first block, each written to one place of every window."""
    pre, axes_a, axes_b, post = _parts(blob.shape, start, n_a, n_b)
    a, last = prod(axes_a), len(axes_b) - 1
    if len(axes_b) + len(post) > 2:
        axes_b, post, last = (prod(axes_b),), (prod(post),), 0
    outer = pre or (1,)
    channels = reshape(call, blob, (*outer, a, *axes_b, *post))
    written = (*axes_b[:-1], axes_b[-1] * a, *post)
    weight, window_fields = _one_hot(a, last, len(written))
    param = {"num_output": 1, **window_fields, **({} if len(outer) == 1 else {"axis": len(outer)})}
    top = call.step("Deconvolution", channels, "interleaved", (*outer, 1, *written), [weight], convolution_param=param)
    lines = reshape(call, top, (*pre, *written))
    return reshape(call, lines, (*pre, *axes_b, a, *post), free=start + last)


def _collect(call: Call, blob: Blob, start: int, n_a: int, n_b: int) -> Blob:
    """Exchange by Convolution: each of its filters picks one place of the windows that the second block makes."""
    pre, axes_a, axes_b, post = _parts(blob.shape, start, n_a, n_b)
    b, last = prod(axes_b), len(axes_a) - 1
    if len(axes_a) + len(post) > 2:
        axes_a, post, last = (prod(axes_a),), (prod(post),), 0
    lines = reshape(call, blob, (*pre, *axes_a[:-1], axes_a[-1] * b, *post))
    outer = pre or (1,)
    channel = reshape(call, lines, (*outer, 1, *lines.shape[start:]))
    weight, window_fields = _one_hot(b, last, len(axes_a) + len(post))
    param = {"num_output": b, **window_fields, **({} if len(outer) == 1 else {"axis": len(outer)})}
    shape = (*outer, b, *axes_a, *post)
    return call.step("Convolution", channel, "collected", shape, [weight], convolution_param=param)


def _parts(shape: Sequence[int], start: int, n_a: int, n_b: int) -> list[tuple[int, ...]]:
    """The axes before, those of the two blocks, and the axes behind."""
    bounds = [0, start, start + n_a, start + n_a + n_b, len(shape)]
    return [tuple(shape[first:behind]) for first, behind in pairwise(bounds)]


def _one_hot(count: int, axis: int, spatial: int) -> tuple[np.ndarray, dict[str, Any]]:
    """Filters of ``count`` places along one of the spatial axes, side by side, each with a one at another place."""
    kernel = [count if place == axis else 1 for place in range(spatial)]
    fields = {"bias_term": False, **window("kernel", kernel), **window("stride", kernel, default=1)}
    return np.eye(count).reshape(count, 1, *kernel), fields


def _shuffle_pixels(call: Call, blob: Blob, type: str, r: int, channels: int, shape: Sequence[int]) -> Blob:
    """Append the one-hot (de)convolution between ``channels`` maps and ``r * r`` times as many of a smaller size."""
    weight = np.tile(np.eye(r * r).reshape(r * r, 1, r, r), (channels, 1, 1, 1))
    param = {
        "num_output": shape[1],
        "bias_term": False,
        "kernel_size": r,
        "stride": r,
        **({} if channels == 1 else {"group": channels}),
    }
    return call.step(type, blob, "shuffled", shape, [weight], convolution_param=param)
