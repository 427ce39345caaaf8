"""Identity between two bounds, exact to the last bit: stock 1.0 has no Clip, but the maximum with a constant blob."""

from __future__ import annotations

import numpy as np

from converters.call import Call, Result
from converters.compose.broadcasting import as_blobs
from converters.compose.layers import clamp, maximum, minimum
from converters.layer_spec import Blob
from converters.registry import converts


@converts("aten.relu6.default", status="trick")
def convert_relu6(call: Call) -> Result:
    """ReLU, then Eltwise MAX of the negatives of it and of 6, negated."""
    return clamp(call, call.blob("self"), 0.0, 6.0)


@converts("aten.hardtanh.default", status="trick")
def convert_hardtanh(call: Call) -> Result:
    """Eltwise MAX with the lower bound, then as relu6; it is ReLU6 where the bounds are 0 and 6."""
    return clamp(call, call.blob("self"), float(call["min_val"]), float(call["max_val"]))


@converts("aten.clamp.default", "aten.clamp_min.default", "aten.clamp_max.default", status="trick")
def convert_clamp(call: Call) -> Result:
    """As hardtanh; one of the bounds may be absent."""
    low, high = call.get("min"), call.get("max")
    return clamp(call, call.blob("self"), None if low is None else float(low), None if high is None else float(high))


@converts("aten.clamp.Tensor", "aten.clamp_min.Tensor", "aten.clamp_max.Tensor", status="trick")
def convert_clamp_by_values(call: Call) -> Result:
    """Eltwise MAX with the lower bound, then the minimum with the upper one."""
    x: Blob | np.ndarray = call["self"]
    if call.get("min") is not None:
        x = maximum(call, *as_blobs(call, (call["min"], x)), part="at_least")
    if call.get("max") is not None:
        x = minimum(call, *as_blobs(call, (call["max"], x)))
    assert isinstance(x, Blob)
    return x
