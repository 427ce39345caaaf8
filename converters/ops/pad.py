"""Padding with a constant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from converters.call import Call
from converters.errors import RefusedError
from converters.layer_spec import Blob
from converters.registry import converts


@converts("aten.pad.default", "aten.constant_pad_nd.default")
def convert_pad(call: Call) -> str:
    """Pad of height and width; stock Caffe pads only inside other layers, so an identity convolution does it."""
    if call.get("mode", "constant") != "constant":
        raise RefusedError(f"mode {call['mode']}; only constant padding")
    bottom = call.blob("self", axes=4)
    amounts = list(call["pad"])
    amounts += [0] * (8 - len(amounts))
    if min(amounts) < 0 or any(amounts[4:]):
        raise RefusedError(f"amounts {call['pad']}; only non-negative ones, of height and width")
    pads = [(amounts[2], amounts[3]), (amounts[0], amounts[1])]
    value = float(call["value"] or 0)
    if not value:
        return pad_with_zeros(call, bottom, pads, part="")
    lowered = call.layer("Power", bottom, part="lowered", power_param={"shift": -value})
    padded = pad_with_zeros(call, Blob(lowered, bottom.shape), pads)
    return call.layer("Power", padded, power_param={"shift": value})


def pad_with_zeros(call: Call, bottom: Blob, pads: Sequence[tuple[int, int]], part: str = "padded") -> str:
    """Append layers that pad ``bottom`` (N, C, H, W) by ``pads`` = ((top, bottom), (left, right)); give the top's name.

    A 1x1 convolution per channel with weight 1 pads both sides by the larger amount, and what is too much is cut.
    """
    channels = bottom.shape[1]
    both = [max(pad) for pad in pads]
    wide = call.layer(
        "Convolution",
        bottom,
        part="pad" if part else "",
        top="wide" if any(before != after for before, after in pads) else part,
        blobs=[np.ones((channels, 1, 1, 1), np.float32)],
        frozen=True,
        convolution_param={
            "num_output": channels,
            "bias_term": False,
            "kernel_size": 1,
            "pad_h": both[0],
            "pad_w": both[1],
            "group": channels,
        },
    )
    sizes = [size + before + after for size, (before, after) in zip(bottom.shape[2:], pads, strict=True)]
    starts = [amount - before for amount, (before, _) in zip(both, pads, strict=True)]
    wide_sizes = [size + 2 * amount for size, amount in zip(bottom.shape[2:], both, strict=True)]
    return cut(call, wide, wide_sizes, starts, sizes, part)


def cut(
    call: Call,
    bottom: str,
    have: Sequence[int],
    starts: Sequence[int],
    sizes: Sequence[int],
    part: str = "",
) -> str:
    """Append Slice layers that keep a box of every map of ``bottom`` (N, C, H, W); give the name of the last top.

    Parameters
    ----------
    have : (height, width) of ``bottom``.
    starts, sizes : first row and column, and (height, width), of what is kept.
    part : name of the last top within the operation.
    """
    todo = [axis for axis in (0, 1) if have[axis] != sizes[axis]]
    for axis in todo:
        what = ("rows", "columns")[axis]
        stop = starts[axis] + sizes[axis]
        points = [point for point in (starts[axis], stop) if 0 < point < have[axis]]
        kept = part if axis == todo[-1] else f"{what}_kept"
        tops = [f"{what}_before"] * (starts[axis] > 0) + [kept] + [f"{what}_after"] * (stop < have[axis])
        sliced = call.layer_with_tops(
            "Slice", bottom, f"cut_{what}", tops, slice_param={"axis": axis + 2, "slice_point": points}
        )
        bottom = sliced[tops.index(kept)]
    return bottom
