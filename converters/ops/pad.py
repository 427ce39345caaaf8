"""Padding with zeros, a number, a mirror image, the edge or the other side; negative amounts cut."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

import numpy as np

from converters.call import Call, Result
from converters.errors import RefusedError
from converters.layer_spec import Blob
from converters.ops.axis_map import map_axis
from converters.ops.shift import Margins, shift_window
from converters.ops.slice import gather, take
from converters.registry import converts


@converts("aten.pad.default", "aten.constant_pad_nd.default", status="trick")
def convert_pad(call: Call) -> Result:
    """One-hot Convolution per channel; a number by Power and Eltwise as well, other modes by Slice and Concat."""
    blob = call.blob("self")
    mode = call.get("mode", "constant")
    margins = _margins(call, blob)
    if mode == "constant":
        return pad_with_number(call, blob, margins, float(call["value"] or 0))
    for axis, (before, after) in margins.items():
        blob = _pad_with_own(call, blob, axis, before, after, INDEX[mode])
    return blob


def pad_with_zeros(call: Call, blob: Blob, margins: Margins) -> Blob:
    """Append what adds zeros to axes, or takes places away: a one-hot convolution, or a matrix for the channels."""
    for axis in (axis for axis in margins if axis < 2):
        before, after = margins[axis]
        extent = blob.shape[axis]
        blob = map_axis(call, blob, axis, np.eye(extent + before + after, extent, -before), part="padded")
    return shift_window(call, blob, {axis: margin for axis, margin in margins.items() if axis >= 2})


def _margins(call: Call, blob: Blob) -> dict[int, tuple[int, int]]:
    """The operation's amounts by axis, which PyTorch lists from the last axis on."""
    amounts = list(call["pad"])
    pairs = {len(blob.shape) - 1 - n: (amounts[2 * n], amounts[2 * n + 1]) for n in range(len(amounts) // 2)}
    margins = {axis: pair for axis, pair in sorted(pairs.items()) if any(pair)}
    if 0 in margins:
        raise RefusedError("of the batch")
    return margins


def pad_with_number(call: Call, blob: Blob, margins: Margins, value: float) -> Blob:
    """Pad with a number: with zeros, then add it where there was nothing before, which a map of ones tells."""
    if not isfinite(value):
        raise RefusedError(f"with {value}; where a max_pool follows, give that the padding")
    padded = pad_with_zeros(call, blob, margins)
    if not value or padded is blob:
        return padded
    ones = call.step("Power", blob, "ones", blob.shape, power_param={"scale": 0.0, "shift": 1.0})
    inside = pad_with_zeros(call, ones, margins)
    frame = call.step("Power", inside, "frame", padded.shape, power_param={"scale": -value, "shift": value})
    return call.step("Eltwise", (padded, frame), "framed", padded.shape)


Index = Callable[[np.ndarray, int], np.ndarray]

INDEX: dict[str, Index] = {
    "reflect": lambda places, extent: (extent - 1) - np.abs((extent - 1) - np.abs(places)),
    "replicate": lambda places, extent: places.clip(0, extent - 1),
    "circular": lambda places, extent: places % extent,
}
"""Which place of an axis stands at places that may lie outside it, by the names of PyTorch's modes."""


def _pad_with_own(call: Call, blob: Blob, axis: int, before: int, after: int, index: Index) -> Blob:
    """Pad one axis with values of its own; negative amounts cut."""
    extent = blob.shape[axis]
    if before < 0 or after < 0:
        blob = take(call, blob, axis, max(-before, 0), extent - max(-after, 0))
        return _pad_with_own(call, blob, axis, max(before, 0), max(after, 0), index)
    return gather(call, blob, axis, index(np.arange(-before, extent + after), extent).tolist())
