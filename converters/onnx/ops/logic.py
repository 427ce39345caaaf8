"""Comparisons and choices, which mostly belong to what is computed from shapes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from converters.onnx.node import Node
from converters.onnx.registry import translates, translates_each

COMPARISONS: dict[str, tuple[Callable[..., Tensor], str]] = {
    "Equal": (torch.eq, "eq"),
    "Greater": (torch.gt, "gt"),
    "GreaterOrEqual": (torch.ge, "ge"),
    "Less": (torch.lt, "lt"),
    "LessOrEqual": (torch.le, "le"),
    "And": (torch.logical_and, "logical_and"),
    "Or": (torch.logical_or, "logical_or"),
    "Xor": (torch.logical_xor, "logical_xor"),
    "Not": (torch.logical_not, "logical_not"),
    "IsNaN": (torch.isnan, "isnan"),
}


@translates_each({op: gives for op, (_, gives) in COMPARISONS.items()})
def compare(node: Node) -> Tensor:
    """A truth value for every value, or every pair."""
    return COMPARISONS[node.op][0](*node.all())


@translates("IsInf", gives="isinf eq zeros_like")
def is_inf(node: Node) -> Tensor:
    """Whether a value is infinite, of the signs that are asked for."""
    positive, negative = node.attribute("detect_positive", 1), node.attribute("detect_negative", 1)
    if positive and negative:
        return torch.isinf(node[0])
    if not positive and not negative:
        return torch.zeros_like(node[0], dtype=torch.bool)
    return node[0] == (float("inf") if positive else -float("inf"))


@translates("Where", gives="where")
def where(node: Node) -> Tensor:
    """The second input where the first is true, else the third."""
    return torch.where(node[0].bool(), node[1], node[2])
