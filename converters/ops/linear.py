"""Fully connected layers."""

from __future__ import annotations

from converters.call import Call, Result
from converters.compose.broadcasting import plus
from converters.compose.layers import layer
from converters.errors import WAYS_OUT, RefusedError
from converters.layer_spec import Blob
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


@converts("aten.matmul.default", "aten.mm.default", "aten.addmm.default")
def convert_matmul(call: Call) -> Result:
    """InnerProduct over the last axis, by a constant matrix; the product of two values has no counterpart."""
    x, matrix = call[_FACTORS[call.op][0]], call[_FACTORS[call.op][1]]
    if isinstance(matrix, Blob):
        raise RefusedError(WAYS_OUT["matmul"] if isinstance(x, Blob) else "of a constant by a value from the right")
    if matrix.ndim != 2:
        raise RefusedError(f"by a constant of shape {matrix.shape}; only by a matrix")
    axis = len(x.shape) - 1
    product = layer(
        call,
        "InnerProduct",
        x,
        "product",
        (*x.shape[:-1], matrix.shape[1]),
        blobs=[matrix.T],
        inner_product_param={
            "num_output": matrix.shape[1],
            "bias_term": False,
            **({} if axis == 1 else {"axis": axis}),
            "weight_filler": {"type": "xavier"},
        },
    )
    if call.op != "aten.addmm.default":
        return product
    return plus(call, call["self"], product, float(call["beta"]), float(call["alpha"]))


_FACTORS = {
    "aten.matmul.default": ("self", "other"),
    "aten.mm.default": ("self", "mat2"),
    "aten.addmm.default": ("mat1", "mat2"),
}
