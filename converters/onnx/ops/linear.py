"""Matrix products."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from converters.errors import RefusedError
from converters.onnx.node import Node
from converters.onnx.registry import translates


@translates("Gemm", gives="linear t mul add matmul")
def gemm(node: Node) -> Tensor:
    """``alpha * A @ B + beta * C``; a fully connected layer where B does not depend on the input."""
    a, b, bias = node[0], node[1], node.get(2)
    alpha, beta = float(node.attribute("alpha", 1.0)), float(node.attribute("beta", 1.0))
    a = a.t() if node.attribute("transA", 0) else a
    weight = b if node.attribute("transB", 0) else b.t()
    if alpha != 1:
        weight = weight * alpha
    if bias is not None and beta != 1:
        bias = bias * beta
    if not node.is_constant(1) and not a.is_floating_point():
        raise RefusedError("of whole numbers")
    width = weight.shape[0]
    if bias is None or (node.is_constant(2) and bias.numel() in (1, width) and bias.shape[-1:] in ((), (1,), (width,))):
        return functional.linear(a, weight, None if bias is None else bias.reshape(-1).expand(width))
    return functional.linear(a, weight) + bias


@translates("MatMul", gives="linear matmul add")
def matmul(node: Node) -> Tensor:
    """``A @ B``; a fully connected layer over the last axis where B is a constant matrix.

    A third input is the bias that an Add was (`converters.onnx.fusions`).
    """
    a, b, bias = node[0], node[1], node.get(2)
    if node.is_constant(1) and b.dim() == 2 and a.dim() >= 2 and not node.is_constant(0):
        return functional.linear(a, b.t(), None if bias is None else bias.reshape(-1))
    return torch.matmul(a, b) if bias is None else torch.matmul(a, b) + bias


@translates("Einsum", gives="einsum")
def einsum(node: Node) -> Tensor:
    """Einstein's summation."""
    return torch.einsum(node.attribute("equation"), *node.all())
