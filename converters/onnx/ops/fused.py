"""Operators that `converters.onnx.fusions` puts together of several nodes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from torch import Tensor
from torch.nn import functional

from converters.onnx.graph import OWN
from converters.onnx.node import Node
from converters.onnx.registry import translates, translates_each

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "Silu": functional.silu,
    "Mish": functional.mish,
    "HardSwish": functional.hardswish,
    "HardSigmoid": functional.hardsigmoid,
}


@translates_each({f"{OWN}::{op}": op.lower() for op in ACTIVATIONS})
def activation(node: Node) -> Tensor:
    """An activation that PyTorch has as it is."""
    return ACTIVATIONS[node.op](node[0])


@translates(f"{OWN}::Gelu", gives="gelu")
def gelu(node: Node) -> Tensor:
    """``x * Φ(x)``, exactly or by tanh."""
    return functional.gelu(node[0], approximate=node.attribute("approximate"))


@translates(f"{OWN}::AllReshaped", gives="view reshape slice index_select")
def all_reshaped(node: Node) -> Tensor:
    """All values in another shape, or the first of them, if there are more."""
    x, shape = node[0], list(node.attribute("shape"))
    wanted = node.with_batch(shape)
    return x.reshape(wanted) if x.numel() == prod(wanted) else x.reshape(-1)[: prod(shape)].reshape(shape)


@translates(f"{OWN}::LayerNorm", gives="layer_norm")
def layer_norm(node: Node) -> Tensor:
    """Normalisation over the last axes."""
    shape = list(node[0].shape[-int(node.attribute("axes")) :])
    scale, bias = (None if part is None else part.expand(shape) for part in (node.get(1), node.get(2)))
    return functional.layer_norm(node[0], shape, scale, bias, float(node.attribute("epsilon")))
