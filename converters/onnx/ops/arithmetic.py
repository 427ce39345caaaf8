"""Arithmetic, with numpy's broadcasting; whole numbers stay whole, as in the shapes that exporters compute."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor

from converters.onnx.node import Node
from converters.onnx.registry import translates, translates_each

UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "Abs": torch.abs,
    "Neg": torch.neg,
    "Sqrt": torch.sqrt,
    "Reciprocal": torch.reciprocal,
    "Exp": torch.exp,
    "Log": torch.log,
    "Floor": torch.floor,
    "Ceil": torch.ceil,
    "Round": torch.round,
    "Sign": torch.sign,
    "Sin": torch.sin,
    "Cos": torch.cos,
    "Tan": torch.tan,
    "Asin": torch.asin,
    "Acos": torch.acos,
    "Atan": torch.atan,
    "Sinh": torch.sinh,
    "Cosh": torch.cosh,
    "Asinh": torch.asinh,
    "Acosh": torch.acosh,
    "Atanh": torch.atanh,
}


@translates_each({op: op.lower() for op in UNARY})
def unary(node: Node) -> Tensor:
    """An operation on every value by itself."""
    return UNARY[node.op](node[0])


BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Add": torch.add,
    "Sub": torch.sub,
    "Mul": torch.mul,
    "BitwiseAnd": torch.bitwise_and,
    "BitwiseOr": torch.bitwise_or,
    "BitwiseXor": torch.bitwise_xor,
}


@translates_each({op: op.lower().replace("wise", "wise_") for op in BINARY})
def binary(node: Node) -> Tensor:
    """An operation on two values that are broadcast."""
    return BINARY[node.op](node[0], node[1])


@translates("Div", gives="div")
def div(node: Node) -> Tensor:
    """``a / b``; of whole numbers rounded towards zero."""
    a, b = node[0], node[1]
    return a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


@translates("Pow", gives="pow")
def pow_(node: Node) -> Tensor:
    """``a ** b``, of the type of ``a``."""
    exponent = node.constant(1, "exponent") if node.is_constant(1) else None
    if exponent is not None and exponent.size == 1 and exponent.ndim <= node[0].dim():
        return torch.pow(node[0], float(exponent.item())).to(node[0].dtype)
    return torch.pow(node[0], node[1]).to(node[0].dtype)


@translates("Mod", gives="remainder fmod")
def mod(node: Node) -> Tensor:
    """The remainder with the sign of the divisor, or with ``fmod`` that of the dividend."""
    return (torch.fmod if node.attribute("fmod", 0) else torch.remainder)(node[0], node[1])


@translates("BitwiseNot", gives="bitwise_not")
def bitwise_not(node: Node) -> Tensor:
    """Every bit turned."""
    return torch.bitwise_not(node[0])


@translates("BitShift", gives="bitwise_left_shift bitwise_right_shift")
def bit_shift(node: Node) -> Tensor:
    """Bits moved to the left or right."""
    shift = torch.bitwise_left_shift if node.attribute("direction") == "LEFT" else torch.bitwise_right_shift
    return shift(node[0], node[1])


VARIADIC: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Sum": torch.add,
    "Mean": torch.add,
    "Max": torch.maximum,
    "Min": torch.minimum,
}


@translates_each({"Sum": "add", "Mean": "add mul", "Max": "maximum", "Min": "minimum"})
def variadic(node: Node) -> Tensor:
    """Sum, mean, maximum or minimum of any number of values."""
    found = reduce(VARIADIC[node.op], node.all())
    return found * (1 / len(node)) if node.op == "Mean" and len(node) > 1 else found
