"""Convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from converters.call import Call
from converters.ops.geometry import spatial, window
from converters.ops.shift import shift_window
from converters.registry import converts

Pads = list[tuple[int, int]]


@converts(
    "aten.conv1d.default",
    "aten.conv1d.padding",
    "aten.conv2d.default",
    "aten.conv2d.padding",
    "aten.conv3d.default",
    "aten.conv3d.padding",
)
def convert_conv(call: Call) -> str:
    """Convolution over 1 to 3 axes; Caffe's blobs have PyTorch's layout (out, in / groups, kernel)."""
    weight, bias = call.constant("weight"), call.constant("bias")
    assert weight is not None
    axes = weight.ndim - 2
    bottom = call.blob("input", axes=axes + 2)
    dilation = spatial(call["dilation"], axes)
    pads = _pads(call["padding"], weight.shape[2:], dilation)
    if any((after - before) % step for (before, after), step in zip(pads, dilation, strict=True)):
        bottom, pads = shift_window(call, bottom, dict(enumerate(pads, 2))), [(0, 0)] * axes
    weight = _grow(weight, pads, dilation)
    return call.layer(
        "Convolution",
        bottom,
        blobs=[weight] if bias is None else [weight, bias],
        convolution_param={
            "num_output": weight.shape[0],
            **({} if bias is not None else {"bias_term": False}),
            **window("kernel", weight.shape[2:]),
            **window("stride", spatial(call["stride"], axes), default=1),
            **window("pad", [max(pad) for pad in pads], default=0),
            **window("dilation", dilation, default=1),
            **({} if call["groups"] == 1 else {"group": call["groups"]}),
            "weight_filler": {"type": "xavier"},
        },
    )


def _pads(padding: Any, kernel: tuple[int, ...], dilation: list[int]) -> Pads:
    """(before, after) of every axis; torch puts the odd one of "same" after the map."""
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    if padding == "same":
        totals = [step * (size - 1) for size, step in zip(kernel, dilation, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    return [(pad, pad) for pad in spatial(padding, len(kernel))]


def _grow(weight: np.ndarray, pads: Pads, dilation: list[int]) -> np.ndarray:
    """The kernel with zeros on the side of the smaller padding, so that Caffe can pad both sides by the larger one."""
    zeros = [
        (max(after - before, 0) // step, max(before - after, 0) // step)
        for (before, after), step in zip(pads, dilation, strict=True)
    ]
    return np.pad(weight, [(0, 0), (0, 0), *zeros]) if np.any(zeros) else weight
