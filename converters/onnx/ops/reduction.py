"""Reductions over axes; the axes are an attribute in older opsets and an input in newer ones."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from converters.errors import RefusedError
from converters.onnx.node import Node
from converters.onnx.registry import translates, translates_each

Reduction = Callable[[Tensor, list[int], bool], Tensor]


def _prod(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


REDUCTIONS: dict[str, tuple[Reduction, str]] = {
    "ReduceMean": (lambda x, axes, keep: x.mean(axes, keep), "mean"),
    "ReduceSum": (lambda x, axes, keep: x.sum(axes, keep, dtype=x.dtype), "sum"),
    "ReduceMax": (lambda x, axes, keep: x.amax(axes, keep), "amax"),
    "ReduceMin": (lambda x, axes, keep: x.amin(axes, keep), "amin"),
    "ReduceProd": (_prod, "prod"),
    "ReduceL1": (lambda x, axes, keep: x.abs().sum(axes, keep), "abs sum"),
    "ReduceL2": (lambda x, axes, keep: torch.linalg.vector_norm(x, 2, axes, keep), "linalg_vector_norm abs"),
    "ReduceSumSquare": (lambda x, axes, keep: (x * x).sum(axes, keep), "mul sum"),
    "ReduceLogSum": (lambda x, axes, keep: x.sum(axes, keep).log(), "sum log"),
    "ReduceLogSumExp": (lambda x, axes, keep: torch.logsumexp(x, axes, keep), "logsumexp"),
}


@translates_each({op: gives for op, (_, gives) in REDUCTIONS.items()})
def reduce(node: Node) -> Tensor:
    """A reduction over the axes that are named, or all; with ``noop_with_empty_axes`` none."""
    x, axes = node[0], node.ints("axes", 1)
    if not axes:
        if node.attribute("noop_with_empty_axes", 0):
            return _without_axes(node)
        axes = list(range(x.dim()))
    keep = bool(node.attribute("keepdims", 1))
    whole = not x.is_floating_point()
    if whole and node.op in ("ReduceMean", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp"):
        return REDUCTIONS[node.op][0](x.double(), axes, keep).to(x.dtype)
    return REDUCTIONS[node.op][0](x, axes, keep)


def _without_axes(node: Node) -> Tensor:
    """Reduction of every value by itself."""
    if node.op in ("ReduceL1", "ReduceL2"):
        return node[0].abs()
    if node.op == "ReduceSumSquare":
        return node[0] * node[0]
    return node[0].log() if node.op == "ReduceLogSum" else node[0]


@translates_each({"ArgMax": "argmax flip sub rsub", "ArgMin": "argmin flip sub rsub"})
def arg_extreme(node: Node) -> Tensor:
    """Place of the largest or smallest value along an axis: the first of several, or the last."""
    axis, keep = int(node.attribute("axis", 0)), bool(node.attribute("keepdims", 1))
    find = torch.argmax if node.op == "ArgMax" else torch.argmin
    if node.attribute("select_last_index", 0):
        return node[0].shape[axis] - 1 - find(node[0].flip(axis), axis, keep)
    return find(node[0], axis, keep)


@translates("CumSum", gives="cumsum flip sub")
def cumulative_sum(node: Node) -> Tensor:
    """Sums of all values up to each, forwards or backwards, with or without it."""
    x, axis = node[0], int(node.constant(1, "axis").item())
    backwards, without = node.attribute("reverse", 0), node.attribute("exclusive", 0)
    found = (x.flip(axis) if backwards else x).cumsum(axis, dtype=x.dtype)
    found = found.flip(axis) if backwards else found
    return found - x if without else found


@translates("TopK", gives="topk getitem")
def top_k(node: Node) -> tuple[Tensor, Tensor]:
    """The largest or smallest values along an axis, and their places."""
    counts = node.ints("k", 1)
    if not counts:
        raise RefusedError("it has no k, which TopK needs")
    axis, largest = int(node.attribute("axis", -1)), bool(node.attribute("largest", 1))
    values, indices = torch.topk(node[0], counts[0], axis, largest, bool(node.attribute("sorted", 1)))
    return values, indices
