"""Sums, differences, products, quotients and powers: of two values, with a number, or with a constant array."""

from __future__ import annotations

from typing import Any

import numpy as np

from converters.call import Call
from converters.errors import RefusedError
from converters.layer_spec import Blob
from converters.registry import converts


@converts("aten.add.Tensor")
def convert_add(call: Call) -> str:
    """``self + alpha * other``."""
    return _weighted_sum(call, 1.0, float(call["alpha"]))


@converts("aten.sub.Tensor")
def convert_sub(call: Call) -> str:
    """``self - alpha * other``."""
    return _weighted_sum(call, 1.0, -float(call["alpha"]))


@converts("aten.rsub.Tensor", "aten.rsub.Scalar")
def convert_rsub(call: Call) -> str:
    """``other - alpha * self``."""
    return _weighted_sum(call, -float(call["alpha"]), 1.0)


@converts("aten.mul.Tensor")
def convert_mul(call: Call) -> str:
    """``self * other``."""
    first, second = call["self"], call["other"]
    if isinstance(first, Blob) and isinstance(second, Blob):
        return _eltwise(call, (first, second), operation="PROD")
    blob, constant = (first, second) if isinstance(first, Blob) else (second, first)
    return _scale(call, blob, constant)


@converts("aten.div.Tensor")
def convert_div(call: Call) -> str:
    """``self / other``."""
    first, second = call["self"], call["other"]
    if not isinstance(second, Blob):
        return _scale(call, first, 1.0 / np.asarray(second, np.float64))
    if not isinstance(first, Blob):
        if np.size(first) == 1 and second.shape == call.shape:
            inverse = call.layer("Power", second, part="inverse", power_param={"power": -1.0})
            return _scale(call, Blob(inverse, second.shape), first)
        raise RefusedError("of a constant array by a value")
    _check_same_shape(first, second)
    inverse = call.layer("Power", second, part="inverse", power_param={"power": -1.0})
    return _eltwise(call, (first, Blob(inverse, second.shape)), operation="PROD")


@converts("aten.neg.default")
def convert_neg(call: Call) -> str:
    """``-self``."""
    return call.layer("Power", call.blob("self"), power_param={"scale": -1.0})


POWERS = {"aten.sqrt.default": 0.5, "aten.rsqrt.default": -0.5, "aten.reciprocal.default": -1.0}


@converts("aten.pow.Tensor_Scalar", *POWERS)
def convert_pow(call: Call) -> str:
    """``self ** exponent``."""
    power = float(call["exponent"] if "exponent" in call.arguments else POWERS[call.op])
    return call.layer("Power", call.blob("self"), power_param={"power": power})


def _weighted_sum(call: Call, a: float, b: float) -> str:
    """``a * self + b * other``."""
    first, second = call["self"], call["other"]
    if isinstance(first, Blob) and isinstance(second, Blob):
        return _eltwise(call, (first, second), **({} if a == b == 1 else {"coeff": [a, b]}))
    if isinstance(first, Blob):
        return _shift(call, first, a, np.asarray(second, np.float64) * b)
    return _shift(call, second, b, np.asarray(first, np.float64) * a)


def _eltwise(call: Call, bottoms: tuple[Blob, Blob], **param: Any) -> str:
    _check_same_shape(*bottoms)
    return call.layer("Eltwise", bottoms, eltwise_param=param)


def _check_same_shape(first: Blob, second: Blob) -> None:
    if first.shape != second.shape:
        raise RefusedError(f"of the different shapes {first.shape} and {second.shape}")


def _shift(call: Call, blob: Blob, factor: float, constant: np.ndarray) -> str:
    """``factor * blob + constant``."""
    if constant.size == 1 and blob.shape == call.shape:
        param = {"scale": factor, "shift": constant.item()}
        return call.layer("Power", blob, power_param={k: v for k, v in param.items() if v != {"scale": 1}.get(k, 0)})
    array, where = _aligned(call, blob, constant)
    scaled = blob if factor == 1 else call.layer("Power", blob, part="scaled", power_param={"scale": factor})
    return call.layer("Bias", scaled, blobs=[array], frozen=True, bias_param=where)


def _scale(call: Call, blob: Blob, constant: Any) -> str:
    """``blob * constant``."""
    constant = np.asarray(constant, np.float64)
    if constant.size == 1 and blob.shape == call.shape:
        return call.layer("Power", blob, power_param={"scale": constant.item()})
    array, where = _aligned(call, blob, constant)
    return call.layer("Scale", blob, blobs=[array], frozen=True, scale_param=where)


def _aligned(call: Call, blob: Blob, constant: np.ndarray) -> tuple[np.ndarray, dict[str, int]]:
    """The constant as the block of consecutive axes that Scale and Bias want, and where it lies among the blob's axes.

    Raises
    ------
    RefusedError : if the constant widens the blob, or differs from picture to picture.
    """
    if blob.shape != call.shape:
        raise RefusedError(f"of a value of shape {blob.shape} with a larger constant of shape {constant.shape}")
    extents = (1,) * (len(blob.shape) - constant.ndim) + constant.shape
    axes = [axis for axis, extent in enumerate(extents) if extent > 1] or [1]
    if axes[0] == 0:
        raise RefusedError("with a constant that has a value of its own for every picture of the batch")
    block = slice(axes[0], axes[-1] + 1)
    array = np.broadcast_to(constant.reshape(extents[block]), blob.shape[block])
    return array, {"axis": axes[0], "num_axes": array.ndim}
