"""Softmax and its kin; before opset 13 they worked on the input flattened to two axes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from converters.onnx.node import Node
from converters.onnx.registry import translates_each


def _hardmax(x: Tensor, dim: int) -> Tensor:
    """1 at the first largest value, else 0."""
    return functional.one_hot(x.argmax(dim), x.shape[dim]).movedim(-1, dim).to(x.dtype)


OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "Softmax": torch.softmax,
    "LogSoftmax": torch.log_softmax,
    "Hardmax": _hardmax,
}
_GIVES = {
    "Softmax": "softmax reshape view",
    "LogSoftmax": "log_softmax reshape view",
    "Hardmax": "argmax one_hot permute movedim reshape view",
}


@translates_each(_GIVES, since=13)
def over_one_axis(node: Node) -> Tensor:
    """Opset 13 and later: over one axis, by default the last."""
    return OPERATIONS[node.op](node[0], dim=int(node.attribute("axis", -1)))


@translates_each(_GIVES)
def over_the_rest(node: Node) -> Tensor:
    """Before opset 13: over all axes from ``axis`` (by default 1) on, as if they were one."""
    x, axis = node[0], int(node.attribute("axis", 1))
    axis %= max(x.dim(), 1)
    if all(extent == 1 for extent in x.shape[axis + 1 :]):
        return OPERATIONS[node.op](x, dim=axis)
    if all(extent == 1 for extent in x.shape[axis:-1]):
        return OPERATIONS[node.op](x, dim=-1)
    return OPERATIONS[node.op](x.flatten(axis), dim=-1).reshape(x.shape)
