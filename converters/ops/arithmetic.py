"""Sums, differences, products, quotients, powers: of values, numbers and constants in any broadcastable shape."""

from __future__ import annotations

import numpy as np

from converters.call import Call, Result
from converters.compose.broadcasting import as_blobs, over, plus, times, widened
from converters.compose.layers import layer, maximum, minimum, power
from converters.errors import RefusedError
from converters.layer_spec import Blob
from converters.registry import converts


@converts("aten.add.Tensor", "aten.add.Scalar", status="trick")
def convert_add(call: Call) -> Result:
    """``self + alpha * other``: Eltwise, Power (a number), Bias (a constant, or fewer axes), after Tile if need be."""
    return plus(call, call["self"], call["other"], 1.0, float(call["alpha"]))


@converts("aten.sub.Tensor", "aten.sub.Scalar", status="trick")
def convert_sub(call: Call) -> Result:
    """``self - alpha * other``, like add."""
    return plus(call, call["self"], call["other"], 1.0, -float(call["alpha"]))


@converts("aten.rsub.Tensor", "aten.rsub.Scalar", status="trick")
def convert_rsub(call: Call) -> Result:
    """``other - alpha * self``, like add."""
    return plus(call, call["self"], call["other"], -float(call["alpha"]), 1.0)


@converts("aten.mul.Tensor", "aten.mul.Scalar", status="trick")
def convert_mul(call: Call) -> Result:
    """``self * other``: Eltwise, Power (a number), Scale (a constant, or fewer axes), after Tile if need be."""
    return times(call, call["self"], call["other"])


@converts("aten.div.Tensor", "aten.div.Scalar", "aten.true_divide.Tensor", status="trick")
def convert_div(call: Call) -> Result:
    """``self / other``: a product with the inverse, which Power makes of a value."""
    return over(call, call["self"], call["other"])


@converts("aten.neg.default")
def convert_neg(call: Call) -> Result:
    """``-self``: Power."""
    return power(call, call.blob("self"), scale=-1.0)


POWERS = {
    "aten.sqrt.default": 0.5,
    "aten.rsqrt.default": -0.5,
    "aten.reciprocal.default": -1.0,
    "aten.square.default": 2.0,
}


@converts("aten.pow.Tensor_Scalar", *POWERS)
def convert_pow(call: Call) -> Result:
    """``self ** exponent``: Power."""
    exponent = float(call["exponent"] if "exponent" in call.arguments else POWERS[call.op])
    return power(call, call.blob("self"), power=exponent)


@converts("aten.pow.Scalar")
def convert_pow_of_a_number(call: Call) -> Result:
    """``base ** exponent`` of a number above 0: Exp."""
    base = float(np.reshape(call["self"], ()))
    if base <= 0:
        raise RefusedError(f"of {base:g}; the base must be above 0")
    return layer(call, "Exp", call.blob("exponent"), "power", exp_param={"base": base})


@converts("aten.pow.Tensor_Tensor", status="trick")
def convert_pow_of_two(call: Call) -> Result:
    """``exp(exponent * log(self))`` of values above 0, or Power where the exponent is a constant number."""
    exponent = call["exponent"]
    if not isinstance(exponent, Blob) and np.size(exponent) == 1 and not call.learned(exponent):
        return power(call, call.blob("self"), power=float(np.reshape(exponent, ())))
    logarithm = layer(call, "Log", call.blob("self"), "logarithm")
    return layer(call, "Exp", times(call, logarithm, exponent), "power")


@converts("aten.addcmul.default", status="trick")
def convert_addcmul(call: Call) -> Result:
    """``self + value * tensor1 * tensor2``, as a product and a sum."""
    return _add_to_self(call, times)


@converts("aten.addcdiv.default", status="trick")
def convert_addcdiv(call: Call) -> Result:
    """``self + value * tensor1 / tensor2``, as a quotient and a sum."""
    return _add_to_self(call, over)


def _add_to_self(call: Call, combine: object) -> Result:
    first, second, value = call["tensor1"], call["tensor2"], float(call["value"])
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        raise RefusedError("with a constant product; write it as a sum with that constant")
    return plus(call, call["self"], combine(call, first, second), 1.0, value)  # type: ignore[operator]


@converts("aten.lerp.Scalar", status="trick")
def convert_lerp(call: Call) -> Result:
    """``(1 - weight) * self + weight * end``: a weighted sum."""
    weight = float(call["weight"])
    return plus(call, call["self"], call["end"], 1.0 - weight, weight)


@converts("aten.maximum.default", "aten.max.other")
def convert_maximum(call: Call) -> Result:
    """The larger of two values: Eltwise MAX."""
    return maximum(call, *as_blobs(call, (call["self"], call["other"])))


@converts("aten.minimum.default", "aten.min.other", status="trick")
def convert_minimum(call: Call) -> Result:
    """The smaller of two values: the negative of Eltwise MAX of the negatives."""
    return minimum(call, *as_blobs(call, (call["self"], call["other"])))


@converts("aten.expand.default", status="trick")
def convert_expand(call: Call) -> Result:
    """Copies along axes of extent 1: Tile."""
    return widened(call, call.blob("self"), call.shape)
