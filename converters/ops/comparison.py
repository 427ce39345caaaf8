"""Comparisons as 0 and 1, and choices by them. No gradient flows through a comparison, as in PyTorch."""

from __future__ import annotations

import numpy as np

from converters.call import Call, Result
from converters.compose.broadcasting import Operand, as_blobs, plus, times
from converters.compose.layers import layer, maximum, negative, power, product
from converters.errors import RefusedError
from converters.layer_spec import Blob
from converters.registry import converts


@converts("aten.gt.Scalar", "aten.gt.Tensor", status="trick")
def convert_gt(call: Call) -> Result:
    """``self > other``: Threshold, of the difference where both are values."""
    return above(call, call["self"], call["other"])


@converts("aten.lt.Scalar", "aten.lt.Tensor", status="trick")
def convert_lt(call: Call) -> Result:
    """``self < other``: Threshold of the negatives."""
    return above(call, call["other"], call["self"])


@converts("aten.ge.Scalar", "aten.ge.Tensor", status="trick")
def convert_ge(call: Call) -> Result:
    """``self >= other``: 1 minus ``self < other``."""
    return negation(call, above(call, call["other"], call["self"]))


@converts("aten.le.Scalar", "aten.le.Tensor", status="trick")
def convert_le(call: Call) -> Result:
    """``self <= other``: 1 minus ``self > other``."""
    return negation(call, above(call, call["self"], call["other"]))


@converts("aten.eq.Scalar", "aten.eq.Tensor", status="trick")
def convert_eq(call: Call) -> Result:
    """``self == other``: neither above nor below."""
    return _equal(call)


@converts("aten.ne.Scalar", "aten.ne.Tensor", status="trick")
def convert_ne(call: Call) -> Result:
    """``self != other``: above or below."""
    return negation(call, _equal(call))


@converts("aten.logical_not.default", "aten.bitwise_not.default", status="trick")
def convert_logical_not(call: Call) -> Result:
    """1 minus a truth value."""
    _check_bool(call, "self")
    return negation(call, call.blob("self"))


@converts("aten.logical_and.default", "aten.bitwise_and.Tensor", "aten.__and__.Tensor", status="trick")
def convert_logical_and(call: Call) -> Result:
    """Product of truth values."""
    _check_bool(call, "self")
    return times(call, call["self"], call["other"])


@converts("aten.logical_or.default", "aten.bitwise_or.Tensor", "aten.__or__.Tensor", status="trick")
def convert_logical_or(call: Call) -> Result:
    """Eltwise MAX of truth values."""
    _check_bool(call, "self")
    return maximum(call, *as_blobs(call, (call["self"], call["other"])))


@converts("aten.sign.default", status="trick")
def convert_sign(call: Call) -> Result:
    """``x > 0`` minus ``x < 0``."""
    x = call.blob("self")
    return plus(call, above(call, x, 0.0), above(call, 0.0, x), 1.0, -1.0)


@converts("aten.where.self", "aten.where.ScalarSelf", "aten.where.ScalarOther", "aten.where.Scalar", status="trick")
def convert_where(call: Call) -> Result:
    """``condition * self + (1 - condition) * other``; exact for finite values."""
    condition = call.blob("condition")
    other = choose(call, negation(call, condition), call["other"])
    return plus(call, choose(call, condition, call["self"]), other)


@converts("aten.masked_fill.Scalar", status="trick")
def convert_masked_fill(call: Call) -> Result:
    """As where."""
    mask, value = call.blob("mask"), float(call["value"])
    kept = choose(call, negation(call, mask), call["self"])
    return plus(call, kept, choose(call, mask, value)) if value else kept


def above(call: Call, a: Operand, b: Operand) -> Blob:
    """``a > b`` as 0 and 1."""
    if isinstance(a, Blob) and not isinstance(b, Blob) and np.ndim(b) == 0:
        return _threshold(call, a, float(b))
    if isinstance(b, Blob) and not isinstance(a, Blob) and np.ndim(a) == 0:
        return _threshold(call, negative(call, b), -float(a))
    return _threshold(call, plus(call, a, b, 1.0, -1.0), 0.0)


def negation(call: Call, truth: Blob) -> Blob:
    """1 where ``truth`` is 0, and 0 where it is 1."""
    return power(call, truth, "not", scale=-1.0, shift=1.0)


def choose(call: Call, truth: Blob, value: Operand) -> Blob:
    """``value`` where ``truth`` is 1, else 0."""
    finite = isinstance(value, Blob) or bool(np.all(np.isfinite(value)))
    if not finite:
        raise RefusedError("with an infinite constant, which would spread over the whole blob")
    return times(call, truth, value)


def _equal(call: Call) -> Blob:
    first, second = call["self"], call["other"]
    below = negation(call, above(call, first, second))
    return product(call, below, negation(call, above(call, second, first)), part="equal")


def _threshold(call: Call, x: Blob, value: float) -> Blob:
    return layer(call, "Threshold", x, "above", threshold_param={"threshold": value} if value else {})


def _check_bool(call: Call, argument: str) -> None:
    if call.types.get(argument) != "bool":
        raise RefusedError(f"of {call.types.get(argument)}; only of truth values")
