"""Activations that work on every value by itself."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from converters.onnx.node import Node
from converters.onnx.registry import translates, translates_each

SAME_IN_TORCH: dict[str, Callable[[Tensor], Tensor]] = {
    "Relu": torch.relu,
    "Sigmoid": torch.sigmoid,
    "Tanh": torch.tanh,
    "Softplus": functional.softplus,
    "Mish": functional.mish,
    "HardSwish": functional.hardswish,
    "Erf": torch.erf,
}


@translates_each({op: op.lower() for op in SAME_IN_TORCH})
def same(node: Node) -> Tensor:
    """An activation that PyTorch has as it is."""
    return SAME_IN_TORCH[node.op](node[0])


@translates("Softsign", gives="abs add div")
def softsign(node: Node) -> Tensor:
    """``x / (1 + |x|)``."""
    return functional.softsign(node[0])


@translates("LeakyRelu", gives="leaky_relu")
def leaky_relu(node: Node) -> Tensor:
    """ReLU with a slope below zero."""
    return functional.leaky_relu(node[0], float(node.attribute("alpha", 0.01)))


@translates("PRelu", gives="prelu relu neg mul sub")
def prelu(node: Node) -> Tensor:
    """ReLU with a learned slope, per channel or one; other slopes are written out."""
    x, slope = node[0], node[1]
    channels = x.shape[1] if x.dim() > 1 else 1
    per_channel = slope.numel() == channels and (slope.dim() == 1 or slope.shape[-(x.dim() - 1)] == channels)
    if slope.numel() == 1 or (per_channel and (slope.dim() > 1 or x.dim() == 2)):
        return functional.prelu(x, slope.reshape(-1))
    return torch.relu(x) - slope * torch.relu(-x)


@translates("Elu", gives="elu")
def elu(node: Node) -> Tensor:
    """``alpha * (exp(x) - 1)`` below zero."""
    return functional.elu(node[0], float(node.attribute("alpha", 1.0)))


@translates("Celu", gives="celu")
def celu(node: Node) -> Tensor:
    """``alpha * (exp(x / alpha) - 1)`` below zero."""
    return functional.celu(node[0], float(node.attribute("alpha", 1.0)))


@translates("Selu", gives="selu elu mul")
def selu(node: Node) -> Tensor:
    """PyTorch's SELU for the usual two numbers, of which older opsets give float32 approximations, else an ELU."""
    alpha, gamma = (float(node.attribute(name, usual)) for name, usual in _SELU.items())
    if all(abs(given / usual - 1) < 1e-6 for given, usual in zip((alpha, gamma), _SELU.values(), strict=True)):
        return functional.selu(node[0])
    return functional.elu(node[0], alpha) * gamma


_SELU = {"alpha": 1.6732632423543772, "gamma": 1.0507009873554805}


@translates("Gelu", gives="gelu")
def gelu(node: Node) -> Tensor:
    """``x * Φ(x)``, exactly or by tanh."""
    return functional.gelu(node[0], approximate=node.attribute("approximate", "none"))


@translates("ThresholdedRelu", gives="threshold")
def thresholded_relu(node: Node) -> Tensor:
    """``x`` where it is larger than alpha, else 0."""
    return functional.threshold(node[0], float(node.attribute("alpha", 1.0)), 0.0)


@translates("HardSigmoid", gives="hardsigmoid mul add clamp")
def hard_sigmoid(node: Node) -> Tensor:
    """``clamp(alpha * x + beta, 0, 1)``; PyTorch's own has alpha 1/6 and beta 1/2."""
    alpha, beta = float(node.attribute("alpha", 0.2)), float(node.attribute("beta", 0.5))
    if abs(alpha * 6 - 1) < 1e-6 and beta == 0.5:
        return functional.hardsigmoid(node[0])
    return torch.clamp(node[0] * alpha + beta, 0.0, 1.0)


@translates("Shrink", gives="abs le sign where lt gt add sub mul zeros_like")
def shrink(node: Node) -> Tensor:
    """``x - bias`` above ``lambd``, ``x + bias`` below ``-lambd``, 0 between."""
    x, bias, bound = node[0], float(node.attribute("bias", 0.0)), float(node.attribute("lambd", 0.5))
    if bias == bound:
        return functional.softshrink(x, bound)
    if not bias:
        return functional.hardshrink(x, bound)
    return torch.where(x < -bound, x + bias, torch.where(x > bound, x - bias, torch.zeros_like(x)))


@translates("Clip", gives="clamp relu relu6")
def clip(node: Node) -> Tensor:
    """Identity between two bounds: attributes before opset 11, then inputs, of which either may be absent."""
    low, high = node.number("min", 1), node.number("max", 2)
    if (low, high) == (0.0, 6.0) and node[0].is_floating_point():
        return functional.relu6(node[0])
    if low == 0 and (high is None or high >= _FLOAT32_MAX) and node[0].is_floating_point():
        return torch.relu(node[0])
    low = None if low is None or low <= -_FLOAT32_MAX else low
    high = None if high is None or high >= _FLOAT32_MAX else high
    if not node[0].is_floating_point():
        low, high = (None if bound is None else int(bound) for bound in (low, high))
    return node[0] if low is None and high is None else torch.clamp(node[0], low, high)


_FLOAT32_MAX = 3.4028234e38  # what exporters write for no bound
