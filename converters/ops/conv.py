"""Convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from converters.call import Call
from converters.layer_spec import Blob
from converters.ops.pad import pad_with_zeros
from converters.registry import converts

Pads = list[tuple[int, int]]


@converts("aten.conv2d.default", "aten.conv2d.padding")
def convert_conv2d(call: Call) -> str:
    """Convolution; Caffe's blobs have PyTorch's layout (out, in / groups, height, width)."""
    weight, bias = call.constant("weight"), call.constant("bias")
    assert weight is not None
    bottom: Blob | str = call.blob("input", axes=4)
    dilation = spatial(call["dilation"])
    pads = _pads(call["padding"], weight.shape[2:], dilation)
    if any((after - before) % step for (before, after), step in zip(pads, dilation, strict=True)):
        bottom, pads = pad_with_zeros(call, call.blob("input"), pads), [(0, 0), (0, 0)]
    weight = _grow(weight, pads, dilation)
    return call.layer(
        "Convolution",
        bottom,
        blobs=[weight] if bias is None else [weight, bias],
        convolution_param={
            "num_output": weight.shape[0],
            **({} if bias is not None else {"bias_term": False}),
            **window("kernel", weight.shape[2:]),
            **window("stride", spatial(call["stride"]), default=1),
            **window("pad", [max(pad) for pad in pads], default=0),
            **({} if dilation == [1, 1] else {"dilation": dilation if len(set(dilation)) > 1 else dilation[:1]}),
            **({} if call["groups"] == 1 else {"group": call["groups"]}),
            "weight_filler": {"type": "xavier"},
        },
    )


def spatial(value: Any) -> list[int]:
    """A setting of height and width, which PyTorch also writes as one number or a list of one."""
    values = [value] if isinstance(value, int) else list(value)
    return values * 2 if len(values) == 1 else values


def window(what: str, sizes: Any, default: int | None = None, single: str = "") -> dict[str, int]:
    """Caffe's fields for (height, width) of a kernel, stride or padding: one number where both agree.

    Parameters
    ----------
    what : ``"kernel"``, ``"stride"`` or ``"pad"``.
    sizes : (height, width).
    default : Caffe's default, for which nothing is written.
    single : name of the field for both, by default ``kernel_size``, ``stride`` or ``pad``.
    """
    height, width = (int(size) for size in sizes)
    if height == width == default:
        return {}
    if height == width:
        return {single or ("kernel_size" if what == "kernel" else what): height}
    return {f"{what}_h": height, f"{what}_w": width}


def _pads(padding: Any, kernel: tuple[int, ...], dilation: list[int]) -> Pads:
    """(before, after) of height and width; torch puts the odd one of "same" after the picture."""
    if padding == "valid":
        return [(0, 0), (0, 0)]
    if padding == "same":
        totals = [step * (size - 1) for size, step in zip(kernel, dilation, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    return [(pad, pad) for pad in spatial(padding)]


def _grow(weight: np.ndarray, pads: Pads, dilation: list[int]) -> np.ndarray:
    """The kernel with zeros on the side of the smaller padding, so that Caffe can pad both sides by the larger one."""
    zeros = [
        (max(after - before, 0) // step, max(before - after, 0) // step)
        for (before, after), step in zip(pads, dilation, strict=True)
    ]
    return np.pad(weight, [(0, 0), (0, 0), *zeros]) if np.any(zeros) else weight
