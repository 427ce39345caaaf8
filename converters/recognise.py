"""Operations that torch.export would take apart or drop, kept whole: dropout and local response normalisation.

Both are replaced, before decomposition, by operators of our own that compute the same, so that an op file meets them
under one name in every version of torch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor, fx
from torch.nn import functional

aten = torch.ops.aten

torch.library.define("converters::dropout", "(Tensor input, float p) -> Tensor")
torch.library.define(
    "converters::local_response_norm", "(Tensor input, int size, float alpha, float beta, float k) -> Tensor"
)


@torch.library.impl("converters::dropout", "CompositeExplicitAutograd")
def dropout(input: Tensor, p: float) -> Tensor:
    """Dropout in evaluation: a copy of the input."""
    return input.clone()


@torch.library.impl("converters::local_response_norm", "CompositeExplicitAutograd")
def local_response_norm(input: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    """torch.nn.functional.local_response_norm as one operator."""
    return functional.local_response_norm(input, size, alpha, beta, k)


@torch.library.register_fake("converters::dropout")
@torch.library.register_fake("converters::local_response_norm")
def same_shape(input: Tensor, *_: Any) -> Tensor:
    """Shape of the result: that of the input."""
    return torch.empty_like(input)


def keep_whole(graph: fx.Graph) -> None:
    """Replace the operations of ``graph``, as torch.export captured it, in place."""
    for node in list(graph.nodes):
        recognised = RECOGNISERS.get(node.target)
        replacement = recognised(node) if recognised else None
        if replacement is None:
            continue
        operator, arguments = replacement
        with graph.inserting_before(node):
            new = graph.call_function(operator, arguments)
        new.meta = dict(node.meta)
        node.replace_all_uses_with(new)
        graph.erase_node(node)
    graph.eliminate_dead_code()


def drop_what_has_no_value(graph: fx.Graph, returned: Collection[str]) -> None:
    """Leave only what the nodes called ``returned`` are computed from; in place.

    `ASSERTIONS`, writes to buffers and results that nobody reads go: none of them changes what the net computes.
    """
    output = next(node for node in graph.nodes if node.op == "output")
    nodes = {node.name: node for node in graph.nodes}
    output.args = (tuple(nodes[name] for name in returned if name),)
    for node in reversed(list(graph.nodes)):
        if node.op not in ("placeholder", "output") and not node.users:
            graph.erase_node(node)


def drop_expansions(graph: fx.Graph) -> None:
    """Let sums and products, which broadcast, read what was expanded for them (``x * y.expand_as(x)``); in place."""
    for node in graph.nodes:
        operands = node.args[:2] if node.target in BROADCASTS else ()
        for place, operand in enumerate(operands):
            if not isinstance(operand, fx.Node) or operand.target is not aten.expand.default:
                continue
            other = operands[1 - place] if len(operands) == 2 else None
            if isinstance(other, fx.Node) and other.meta["val"].shape == operand.meta["val"].shape:
                node.update_arg(place, operand.args[0])
                operands = node.args[:2]


BROADCASTS = (aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.div.Tensor, aten.maximum.default)

ASSERTIONS = (aten._assert_tensor_metadata.default, aten._assert_async.msg, aten._assert_scalar.default)
"""Checks that torch.export leaves in the graph."""

Replacement = tuple[Any, tuple[Any, ...]] | None


def _dropout(node: fx.Node) -> Replacement:
    images, ratio, _training = node.args
    return torch.ops.converters.dropout.default, (images, ratio)


def _local_response_norm(node: fx.Node) -> Replacement:
    """``x / (k + alpha * mean of x*x over channels) ** beta``, as torch.nn.functional writes it."""
    images, denominator = node.args
    base, beta = _operands(denominator, aten.pow.Tensor_Scalar)
    product, k = _operands(base, aten.add.Tensor)
    mean, alpha = _operands(product, aten.mul.Tensor)
    padded, *window = _operands(_through(mean, VIEWS), aten.avg_pool3d.default)
    squares, *pads = _operands(padded, aten.pad.default)
    factors = _operands(_through(squares, VIEWS), aten.mul.Tensor)
    if factors != (images, images) or not all(isinstance(number, int | float) for number in (alpha, beta, k)):
        return None
    size = window[0][0]
    if window != [[size, 1, 1], [1, 1, 1]] or pads != [[0, 0, 0, 0, size // 2, (size - 1) // 2]]:
        return None
    return torch.ops.converters.local_response_norm.default, (images, size, float(alpha), float(beta), float(k))


VIEWS = (aten.view.default, aten.unsqueeze.default, aten.squeeze.dim, aten.reshape.default)

RECOGNISERS: dict[Any, Callable[[fx.Node], Replacement]] = {
    aten.dropout.default: _dropout,
    aten.div.Tensor: _local_response_norm,
}


def _operands(node: Any, target: Any) -> tuple[Any, ...]:
    """Arguments of ``node`` if it calls ``target``, else two that nothing matches."""
    if isinstance(node, fx.Node) and node.target is target and not node.kwargs and len(node.args) > 1:
        return node.args
    return None, None


def _through(node: Any, targets: tuple[Any, ...]) -> Any:
    while isinstance(node, fx.Node) and node.target in targets:
        node = node.args[0]
    return node
