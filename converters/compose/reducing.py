"""Sums, means and maxima over axes.

Stock Caffe's Reduction takes the last axes; Pooling takes height and width; a frozen 1x1 convolution sums channels.
Whatever else there is becomes the height of a map for a Pooling layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from math import prod

import numpy as np

from converters.call import Call
from converters.compose.layers import channel_matrix, layer, negative, power, reshaped
from converters.errors import RefusedError
from converters.layer_spec import Blob

Axes = Sequence[int] | int | None


def canonical_axes(x: Blob, axes: Axes) -> list[int]:
    """Axes from 0 on, sorted; all of them where none are given."""
    given = [axes] if isinstance(axes, int) else list(axes or ())
    return sorted({axis % len(x.shape) for axis in given}) if given and x.shape else list(range(len(x.shape)))


def mean(call: Call, x: Blob, axes: Axes, keepdim: bool) -> Blob:
    """Mean over axes."""
    return _reduced(call, x, canonical_axes(x, axes), keepdim, _mean_of_block, "MEAN")


def total(call: Call, x: Blob, axes: Axes, keepdim: bool) -> Blob:
    """Sum over axes."""
    return _reduced(call, x, canonical_axes(x, axes), keepdim, _sum_of_block, "SUM")


def largest(call: Call, x: Blob, axes: Axes, keepdim: bool) -> Blob:
    """Maximum over axes."""
    return _reduced(call, x, canonical_axes(x, axes), keepdim, _maximum_of_block, "")


def smallest(call: Call, x: Blob, axes: Axes, keepdim: bool) -> Blob:
    """Minimum over axes."""
    return negative(call, largest(call, negative(call, x), axes, keepdim), "smallest")


def _reduced(
    call: Call,
    x: Blob,
    axes: Sequence[int],
    keepdim: bool,
    block: Callable[[Call, Blob, int, int], Blob],
    whole: str,
) -> Blob:
    """Reduce each run of neighbouring axes by ``block``, the last first; it keeps axes with extent 1, unless the last.

    Parameters
    ----------
    whole : what Reduction calls the same over everything, batch included; "" if it has no name for it.
    """
    kept = tuple(1 if axis in axes else extent for axis, extent in enumerate(x.shape))
    shape = kept if keepdim else tuple(extent for axis, extent in enumerate(x.shape) if axis not in axes)
    if 0 in axes and x.shape[0] > 1:
        if len(axes) < len(x.shape) or not whole:
            raise RefusedError(f"over axes {axes} of {x.shape}: the first is the batch, which stock Caffe keeps apart")
        number = layer(call, "Reduction", x, "reduced", (), reduction_param={"operation": whole})
        return reshaped(call, number, shape, "kept_axes")
    for first, last in reversed(_runs([axis for axis in axes if x.shape[axis] > 1])):
        x = block(call, x, first, last)
    return reshaped(call, x, shape, "reduced_shape")


def _runs(axes: Sequence[int]) -> list[tuple[int, int]]:
    """(first, last) of every run of neighbouring axes."""
    runs = [list(run) for _, run in groupby(enumerate(axes), lambda pair: pair[1] - pair[0])]
    return [(run[0][1], run[-1][1]) for run in runs]


def _mean_of_block(call: Call, x: Blob, first: int, last: int) -> Blob:
    if first == last == 1 and len(x.shape) == 4:
        return channel_matrix(call, x, np.full((1, x.shape[1]), 1 / x.shape[1]), "mean")
    if last == len(x.shape) - 1 and not _is_map(x, first):
        return _tail(call, x, first, "MEAN")
    return _pooled(call, x, first, last, "AVE")


def _sum_of_block(call: Call, x: Blob, first: int, last: int) -> Blob:
    if first == last == 1 and len(x.shape) == 4:
        return channel_matrix(call, x, np.ones((1, x.shape[1])), "sum")
    if last == len(x.shape) - 1:
        return _tail(call, x, first, "SUM")
    return power(call, _pooled(call, x, first, last, "AVE"), "sum", scale=prod(x.shape[first : last + 1]))


def _maximum_of_block(call: Call, x: Blob, first: int, last: int) -> Blob:
    return _pooled(call, x, first, last, "MAX")


def _is_map(x: Blob, first: int) -> bool:
    """Whether the axes from ``first`` on are height and width."""
    return len(x.shape) == 4 and first == 2


def _tail(call: Call, x: Blob, first: int, operation: str) -> Blob:
    """Reduction over the axes from ``first`` on, which are gone afterwards."""
    param = {**({} if operation == "SUM" else {"operation": operation}), "axis": first}
    return layer(call, "Reduction", x, "reduced", x.shape[:first], reduction_param=param)


def _pooled(call: Call, x: Blob, first: int, last: int, method: str) -> Blob:
    """Pooling over the axes ``first`` to ``last`` as the height of a map, or over height and width as they are."""
    shape = (*x.shape[:first], *(1 for _ in range(first, last + 1)), *x.shape[last + 1 :])
    if _is_map(x, first) and last == 3:
        return layer(call, "Pooling", x, "pooled", shape, pooling_param={"pool": method, "global_pooling": True})
    extents = (x.shape[0], prod(x.shape[1:first]), prod(x.shape[first : last + 1]), prod(x.shape[last + 1 :]))
    columns = reshaped(call, x, extents, "columns")
    pooled = layer(
        call,
        "Pooling",
        columns,
        "pooled",
        (*extents[:2], 1, extents[3]),
        pooling_param={"pool": method, "kernel_h": extents[2], "kernel_w": 1},
    )
    return reshaped(call, pooled, shape, "kept_axes")
