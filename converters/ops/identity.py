"""Operations that change no value: of PyTorch's memory management, and casts between types that Caffe does not have."""

from __future__ import annotations

from converters.call import Call, Result
from converters.errors import RefusedError
from converters.registry import converts

EXACT_CASTS = {
    "float32": ("float32", "float64"),
    "float64": ("float32", "float64"),
    "bool": ("bool", "uint8", "int32", "int64", "float32", "float64"),
    "int32": ("int32", "int64", "float32", "float64"),
    "int64": ("int32", "int64", "float32", "float64"),
}
"""By the type of a value, the types that a cast leaves it as it is in; Caffe holds all of them as float32."""


@converts("aten.clone.default", "aten.detach.default", "aten.alias.default")
def convert_identity(call: Call) -> Result:
    """Operations that only PyTorch's memory management needs."""
    return call.blob("self")


@converts("aten._to_copy.default")
def convert_cast(call: Call) -> Result:
    """``x.float()``, ``x.to(...)``: nothing, where the type does not change the value."""
    given = call.types["self"]
    return _cast(call, given, str(call["dtype"] or given).removeprefix("torch."))


@converts("aten.type_as.default")
def convert_type_as(call: Call) -> Result:
    """``x.type_as(y)``, and Cast of ONNX to the type of another value: as a cast."""
    return _cast(call, call.types["self"], call.types["other"])


def _cast(call: Call, given: str, target: str) -> Result:
    if target not in EXACT_CASTS.get(given, (given,)):
        raise RefusedError(f"from {given} to {target}, which changes the values; Caffe computes in float32 alone")
    return call.blob("self")
