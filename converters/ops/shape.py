"""Operations that read the same values under another shape."""

from __future__ import annotations

from math import prod

from converters.call import Call, Result
from converters.compose.reshaping import reshape
from converters.errors import RefusedError
from converters.registry import converts


@converts(
    "aten.view.default",
    "aten._unsafe_view.default",
    "aten.squeeze.default",
    "aten.squeeze.dim",
    "aten.squeeze.dims",
    "aten.unsqueeze.default",
)
def convert_reshape(call: Call) -> Result:
    """Flatten or Reshape by the operation's result, with a batch of any size wherever the first axis is kept."""
    bottom, want = call.blob("self"), call.shape
    if not want:
        raise RefusedError("to a number without axes")
    if bottom.shape != want and want == (bottom.shape[0], prod(bottom.shape[1:])):
        return call.layer("Flatten", bottom)
    return reshape(call, bottom, want)
