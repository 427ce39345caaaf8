"""Values behind each other: different ones, or the same several times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from converters.call import Call, Result
from converters.compose.layers import constant
from converters.compose.reshaping import reshape
from converters.errors import RefusedError
from converters.layer_spec import Blob
from converters.registry import converts


@converts("aten.cat.default")
def convert_cat(call: Call) -> Result:
    """Concat."""
    axis = call["dim"] % len(call.shape)
    if axis == 0 and not all(isinstance(tensor, Blob) for tensor in call["tensors"]):
        raise RefusedError("with a constant, behind the pictures of the batch")
    return concat(call, _tensors(call), axis)


@converts("aten.stack.default", status="trick")
def convert_stack(call: Call) -> Result:
    """Reshape of every value to a new axis of extent 1, then Concat along it."""
    axis = call["dim"] % len(call.shape)
    parts = [reshape(call, tensor, (*tensor.shape[:axis], 1, *tensor.shape[axis:])) for tensor in _tensors(call)]
    return concat(call, parts, axis)


@converts("aten.repeat.default", "aten.tile.default")
def convert_repeat(call: Call) -> Result:
    """Tile along every axis that grows; new axes in front get an extent of 1 first."""
    blob = call.blob("self")
    new = len(call.shape) - len(blob.shape)
    if new and blob.shape[0] != 1:
        raise RefusedError(f"of a value of shape {blob.shape} with new axes before the batch")
    have = reshape(call, blob, (*(1,) * new, *blob.shape))
    for axis, (old, wanted) in enumerate(zip(have.shape, call.shape, strict=True)):
        if wanted != old:
            have = tile(call, have, axis, wanted // old)
    return have


@converts("aten.repeat_interleave.self_int", status="trick")
def convert_repeat_interleave(call: Call) -> Result:
    """Reshape to a new axis, Tile along that, and Reshape to both as one."""
    blob = call.blob("self")
    if call["dim"] is None:
        raise RefusedError("without dim, through all axes as if they were one")
    axis = call["dim"] % len(blob.shape)
    apart = reshape(call, blob, (*blob.shape[: axis + 1], 1, *blob.shape[axis + 1 :]))
    return reshape(call, tile(call, apart, axis + 1, call["repeats"]), call.shape)


def tile(call: Call, blob: Blob, axis: int, times: int) -> Blob:
    """Append a Tile, which sets the values ``times`` behind each other along ``axis``."""
    if axis == 0:
        raise RefusedError("along the batch, whose pictures Caffe's layers keep apart")
    shape = (*blob.shape[:axis], blob.shape[axis] * times, *blob.shape[axis + 1 :])
    param = {"tiles": times} if axis == 1 else {"axis": axis, "tiles": times}
    return call.step("Tile", blob, "tiled", shape, tile_param=param)


def concat(call: Call, blobs: Sequence[Blob], axis: int, part: str = "joined") -> Blob:
    """Append a Concat along ``axis``; nothing for a single blob, for which stock Caffe would lose the gradient."""
    if len(blobs) == 1:
        return blobs[0]
    extent = sum(blob.shape[axis] for blob in blobs)
    shape = (*blobs[0].shape[:axis], extent, *blobs[0].shape[axis + 1 :])
    return call.step("Concat", blobs, part, shape, concat_param={} if axis == 1 else {"axis": axis})


def _tensors(call: Call) -> list[Blob]:
    """The operation's tensors, constants as blobs."""
    return [
        tensor if isinstance(tensor, Blob) else constant(call, tensor, np.shape(tensor)) for tensor in call["tensors"]
    ]
