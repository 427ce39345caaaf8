"""Fully connected layers."""

from __future__ import annotations

from converters.call import Call
from converters.errors import RefusedError
from converters.registry import converts


@converts("aten.linear.default")
def convert_linear(call: Call) -> str:
    """InnerProduct over the last axis; Caffe's blob has PyTorch's layout (out, in)."""
    bottom, weight, bias = call.blob("input"), call.constant("weight"), call.constant("bias")
    assert weight is not None
    if len(bottom.shape) < 2:
        raise RefusedError("its input has no batch axis")
    axis = len(bottom.shape) - 1
    return call.layer(
        "InnerProduct",
        bottom,
        blobs=[weight] if bias is None else [weight, bias],
        inner_product_param={
            "num_output": weight.shape[0],
            **({} if bias is not None else {"bias_term": False}),
            **({} if axis == 1 else {"axis": axis}),
            "weight_filler": {"type": "xavier"},
        },
    )


@converts("converters.pixel_linear.default")
def convert_pixel_linear(call: Call) -> str:
    """A 1x1 Convolution, where PyTorch has the channels last for a while."""
    weight, bias = call.constant("weight"), call.constant("bias")
    assert weight is not None
    return call.layer(
        "Convolution",
        call.blob("input", axes=4),
        blobs=[weight[:, :, None, None]] if bias is None else [weight[:, :, None, None], bias],
        convolution_param={
            "num_output": weight.shape[0],
            **({} if bias is not None else {"bias_term": False}),
            "kernel_size": 1,
            "weight_filler": {"type": "xavier"},
        },
    )
