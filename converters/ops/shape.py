"""Operations that arrange the same values otherwise."""

from __future__ import annotations

from math import prod

from converters.call import Call, Result
from converters.errors import RefusedError
from converters.layer_spec import Blob
from converters.registry import converts


@converts(
    "aten.view.default",
    "aten.squeeze.default",
    "aten.squeeze.dim",
    "aten.squeeze.dims",
    "aten.unsqueeze.default",
)
def convert_reshape(call: Call) -> Result:
    """Flatten or Reshape by the operation's result, with a batch of any size wherever the first axis is kept."""
    bottom, want = call.blob("self"), call.shape
    if bottom.shape == want:
        return bottom
    if want == (bottom.shape[0], prod(bottom.shape[1:])):
        return call.layer("Flatten", bottom)
    if not want:
        raise RefusedError("to a number without axes")
    first = 0 if bottom.shape[0] == want[0] else -1
    return call.layer("Reshape", bottom, reshape_param={"shape": {"dim": [first, *want[1:]]}})


@converts("aten.cat.default")
def convert_cat(call: Call) -> Result:
    """Concat."""
    tensors = call["tensors"]
    if not all(isinstance(tensor, Blob) for tensor in tensors):
        raise RefusedError("with a constant")
    if len(tensors) == 1:
        return tensors[0]
    axis = call["dim"] % len(call.shape)
    return call.layer("Concat", tensors, concat_param={} if axis == 1 else {"axis": axis})
