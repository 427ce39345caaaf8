"""Transposed convolutions over 1 to 3 axes."""

from __future__ import annotations

import numpy as np

from converters.call import Call, Result
from converters.layer_spec import Blob
from converters.ops.geometry import spatial, window
from converters.ops.shift import shift_window
from converters.registry import converts


@converts("aten.conv_transpose1d.default", "aten.conv_transpose2d.input", "aten.conv_transpose3d.input")
def convert_conv_transpose(call: Call) -> Result:
    """Deconvolution; its blob has PyTorch's layout (in, out / groups, kernel).

    What PyTorch's ``output_padding`` adds behind the map, zeros behind the kernel add as well, as long as the dilation
    divides it. Elsewhere the whole map is computed, and cut or padded before the bias.
    """
    weight, bias = call.constant("weight"), call.constant("bias")
    assert weight is not None
    axes = weight.ndim - 2
    blob = call.blob("input", axes=axes + 2)
    stride, pad, extra, dilation = (
        spatial(call[name], axes) for name in ("stride", "padding", "output_padding", "dilation")
    )
    if any(more % step for more, step in zip(extra, dilation, strict=True)):
        return _cut_afterwards(call, blob, weight, bias)
    zeros = [(0, more // step) for more, step in zip(extra, dilation, strict=True)]
    weight = np.pad(weight, [(0, 0), (0, 0), *zeros]) if any(extra) else weight
    return call.layer(
        "Deconvolution",
        blob,
        blobs=[weight] if bias is None else [weight, bias],
        convolution_param={
            **_fields(weight, call["groups"], bias is not None),
            **window("stride", stride, default=1),
            **window("pad", pad, default=0),
            **window("dilation", dilation, default=1),
        },
    )


def _cut_afterwards(call: Call, blob: Blob, weight: np.ndarray, bias: np.ndarray | None) -> Result:
    axes = range(weight.ndim - 2)
    stride, pad, extra, dilation = (
        spatial(call[name], len(axes)) for name in ("stride", "padding", "output_padding", "dilation")
    )
    whole = call.layer(
        "Deconvolution",
        blob,
        part="whole",
        blobs=[weight],
        convolution_param={
            **_fields(weight, call["groups"], bias_term=False),
            **window("stride", stride, default=1),
            **window("dilation", dilation, default=1),
        },
    )
    sizes = [size + 2 * pad[axis] - extra[axis] for axis, size in enumerate(call.shape[2:])]
    margins = {axis + 2: (-pad[axis], extra[axis] - pad[axis]) for axis in axes}
    cut = shift_window(call, Blob(whole, (*call.shape[:2], *sizes)), margins)
    return cut if bias is None else call.layer("Bias", cut, blobs=[bias])


def _fields(weight: np.ndarray, groups: int, bias_term: bool) -> dict[str, object]:
    return {
        "num_output": weight.shape[1] * groups,
        **({} if bias_term else {"bias_term": False}),
        **window("kernel", weight.shape[2:]),
        **({} if groups == 1 else {"group": groups}),
        "weight_filler": {"type": "xavier"},
    }
