"""Values that PyTorch keeps with the channels last for a while (ConvNeXt's blocks) stay channels first, as in Caffe.

Stock Caffe has no layer that moves axes. Between ``permute(0, 2, 3, 1)`` and ``permute(0, 3, 1, 2)`` there is mostly
what works pixel by pixel: LayerNorm and Linear over the last axis, activations, sums. All of it can be done on
(N, C, H, W): Linear as a 1x1 convolution, LayerNorm over the channels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx
from torch.nn import functional

aten = torch.ops.aten

torch.library.define("converters::channel_norm", "(Tensor input, Tensor? weight, Tensor? bias, float eps) -> Tensor")
torch.library.define("converters::pixel_linear", "(Tensor input, Tensor weight, Tensor? bias) -> Tensor")

LAST, FIRST = [0, 2, 3, 1], [0, 3, 1, 2]


@torch.library.impl("converters::channel_norm", "CompositeExplicitAutograd")
def channel_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    """LayerNorm over the channels of (N, C, H, W), at each pixel by itself."""
    moved = functional.layer_norm(input.permute(LAST), input.shape[1:2], weight, bias, eps)
    return moved.permute(FIRST).contiguous()


@torch.library.impl("converters::pixel_linear", "CompositeExplicitAutograd")
def pixel_linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Linear over the channels of (N, C, H, W), at each pixel by itself."""
    return functional.conv2d(input, weight[:, :, None, None], bias)


@torch.library.register_fake("converters::channel_norm")
def _shape_of_channel_norm(input: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(input)


@torch.library.register_fake("converters::pixel_linear")
def _shape_of_pixel_linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return input.new_empty((input.shape[0], weight.shape[0], *input.shape[2:]))


UNARY = frozenset(
    getattr(aten, name).default
    for name in (
        *(
            "relu",
            "gelu",
            "silu",
            "sigmoid",
            "tanh",
            "hardswish",
            "hardsigmoid",
            "hardtanh",
            "leaky_relu",
            "elu",
            "mish",
        ),
        *("softplus", "clone", "neg", "abs", "exp", "square", "sqrt", "rsqrt", "clamp", "alias"),
    )
)
BINARY = frozenset({aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.div.Tensor})


def keep_channels_first(graph: fx.Graph) -> None:
    """Give what works pixel by pixel on channels-last values a twin that works on channels-first ones; in place.

    Whoever else reads such a value reads its twin through one permutation.
    """
    twins: dict[fx.Node, fx.Node] = {}
    for node in list(graph.nodes):
        if node.target is aten.permute.default and list(node.args[1]) == LAST:
            twins[node] = node.args[0]
        elif node.target is aten.permute.default and list(node.args[1]) == FIRST and node.args[0] in twins:
            node.replace_all_uses_with(twins[node.args[0]])
        else:
            with graph.inserting_before(node):
                twin = _twin(graph, node, twins)
            if twin is not None:
                twins[node] = twin
    for node, twin in twins.items():
        outside = [user for user in node.users if user not in twins and user.target is not aten.permute.default]
        if outside and node.target is not aten.permute.default:
            with graph.inserting_after(node):
                moved = _copied(graph.call_function(aten.permute.default, (twin, LAST)), node, node.meta["val"])
            node.replace_all_uses_with(moved, delete_user_cb=outside.__contains__)


def _twin(graph: fx.Graph, node: fx.Node, twins: dict[fx.Node, fx.Node]) -> fx.Node | None:
    """The node on channels-first values, None if it does not work pixel by pixel on a channels-last one."""
    if node.op != "call_function" or not node.args or not any(each in twins for each in node.all_input_nodes):
        return None
    found = _call(graph, node, twins)
    if found is None:
        return None
    target, arguments = found
    return _copied(graph.call_function(target, arguments, dict(node.kwargs)), node, node.meta["val"].permute(FIRST))


def _call(graph: fx.Graph, node: fx.Node, twins: dict[fx.Node, fx.Node]) -> tuple[Any, tuple[Any, ...]] | None:
    """The operation on channels-first values, with its arguments."""
    first: Any = node.args[0]
    rest: tuple[Any, ...] = node.args[1:]
    inner = twins.get(first) if isinstance(first, fx.Node) else None
    if inner is not None and node.target is aten.linear.default:
        return torch.ops.converters.pixel_linear.default, (inner, rest[0], rest[1] if len(rest) > 1 else None)
    if inner is not None and node.target is aten.layer_norm.default and len(rest[0]) == 1:
        settings = (*rest[1:4], *(None, None, 1e-5)[len(rest) - 1 :])  # weight, bias, eps
        return torch.ops.converters.channel_norm.default, (inner, *settings)
    if inner is not None and (node.target in UNARY or node.target is torch.ops.converters.dropout.default):
        return node.target, (inner, *rest)
    if node.target in BINARY:
        operands = [_operand(graph, each, twins) for each in node.args[:2]]
        return None if None in operands else (node.target, tuple(operands))
    return None


def _operand(graph: fx.Graph, value: Any, twins: dict[fx.Node, fx.Node]) -> Any:
    """What stands for an operand of a sum or product, None if nothing does."""
    if not isinstance(value, fx.Node):
        return value
    if value in twins:
        return twins[value]
    shape = value.meta["val"].shape
    if not shape:
        return value
    if len(shape) == 1 and value.op == "placeholder":  # one number a channel
        column = graph.call_function(aten.view.default, (value, [shape[0], 1, 1]))
        return _copied(column, value, value.meta["val"].view(shape[0], 1, 1))
    return None


def _copied(new: fx.Node, old: fx.Node, value: Any) -> fx.Node:
    """The new node with the place of the old one."""
    new.meta = {**old.meta, "val": value}
    return new
