"""Move the transpositions of a graph down until they meet their inverse: TensorFlow's exporters put two at every layer.

``f(transpose(x))`` becomes ``transpose(f(x))`` wherever ``f`` does not care for the order of the axes, or can be told
the new one. A transposition of the net's input moves into the input: the net then takes channels first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from converters.onnx.graph import OnnxGraph, OnnxInput, OnnxNode

Order = tuple[int, ...]

ELEMENTWISE = frozenset(
    [
        "Relu",
        "LeakyRelu",
        "Sigmoid",
        "Tanh",
        "Softplus",
        "Softsign",
        "Mish",
        "HardSwish",
        "HardSigmoid",
        "Erf",
        "Elu",
        "Celu",
        "Selu",
        "Gelu",
        "ThresholdedRelu",
        "Identity",
        "Shrink",
        "Clip",
        "Cast",
        "Abs",
        "Neg",
        "Sqrt",
        "Reciprocal",
        "Exp",
        "Log",
        "Floor",
        "Ceil",
        "Round",
        "Sign",
        "Dropout",
        "Not",
    ]
)
"""Operators on every value by itself, whose first input alone has axes."""

BROADCASTING = frozenset(["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "PRelu"])
"""Operators on pairs of values with the same axes."""


def without_transposes(graph: OnnxGraph) -> OnnxGraph:
    """The same graph with as few transpositions as can be had by moving them."""
    if not any(node.op == "Transpose" for node in graph.nodes):
        return graph
    return _Moving(_with_channels_first(graph)).moved()


def _with_channels_first(graph: OnnxGraph) -> OnnxGraph:
    """The graph with inputs of pictures (N, H, W, C), that are only read transposed, as (N, C, H, W)."""
    readers: dict[str, list[OnnxNode]] = {}
    for node in graph.nodes:
        for name in (*node.inputs, *_outer_reads(node)):
            readers.setdefault(name, []).append(node)
    turned = {
        entry.name
        for entry in graph.inputs
        if entry.name not in graph.outputs
        and readers.get(entry.name)
        and len(entry.shape or _TO_CHANNELS_FIRST) == len(_TO_CHANNELS_FIRST)
        and all(_is_to_channels_first(node) for node in readers[entry.name])
    }
    if not turned:
        return graph
    nodes = [
        replace(node, op="Identity", attributes={}) if turned.intersection(node.inputs) else node
        for node in graph.nodes
    ]
    inputs = [_turned(entry) if entry.name in turned else entry for entry in graph.inputs]
    notes = [
        f"input {entry.name!r} has its channels last in the file; the net takes them first, (N, C, H, W)"
        for entry in graph.inputs
        if entry.name in turned
    ]
    return replace(graph, nodes=tuple(nodes), inputs=tuple(inputs), notes=(*graph.notes, *notes))


_TO_CHANNELS_FIRST = (0, 3, 1, 2)


def _is_to_channels_first(node: OnnxNode) -> bool:
    return node.op == "Transpose" and tuple(node.attributes.get("perm", ())) == _TO_CHANNELS_FIRST


def _turned(entry: OnnxInput) -> OnnxInput:
    shape = entry.shape and tuple(entry.shape[axis] for axis in _TO_CHANNELS_FIRST)
    return replace(entry, shape=shape, channels_last=True)


class _Moving:
    """One pass over the nodes; a value may be another one transposed, which is computed only for who needs it."""

    def __init__(self, graph: OnnxGraph) -> None:
        self.opset = graph.opset
        self._graph = graph
        self._constants: dict[str, Tensor] = {**graph.initializers, **_constant_nodes(graph)}
        self._added: dict[str, Tensor] = {}
        self._same: dict[str, str] = {}
        self._pending: dict[str, tuple[str, Order]] = {}
        self._nodes: list[OnnxNode] = []
        self._computed: set[str] = set()

    def moved(self) -> OnnxGraph:
        """The graph after the pass."""
        for node in self._graph.nodes:
            node = replace(node, inputs=tuple(self._same.get(name, name) for name in node.inputs))
            rule = RULES.get(node.op)
            new = None if node.domain or rule is None or not self._order(node) else rule(self, node)
            if node.op == "Transpose" and not node.domain:
                self._transpose(node)
            elif new is None:
                for name in (*node.inputs, *_outer_reads(node)):
                    self._compute(self._same.get(name, name))
                self._nodes.append(self._seen_inside(node))
            else:
                self._nodes.append(new)
        outputs = [self._output(name) for name in self._graph.outputs]
        initializers = {**self._graph.initializers, **self._added}
        return replace(self._graph, nodes=tuple(self._nodes), initializers=initializers, outputs=tuple(outputs))

    def source(self, name: str) -> str:
        """What a transposed value is made of."""
        return self._pending[name][0] if name in self._pending else name

    def is_pending(self, name: str) -> bool:
        """Whether a value is a transposed one."""
        return name in self._pending

    def constant(self, name: str) -> Tensor | None:
        """The value, if it is a constant of the file."""
        return self._constants.get(name)

    def add_constant(self, name: str, value: Tensor, order: Order) -> str:
        """A constant in another order of axes, by a name of its own."""
        new = f"{name}_by_{'_'.join(map(str, order))}"
        self._added[new] = value
        return new

    def result(self, node: OnnxNode, order: Order, **changes: Any) -> OnnxNode:
        """The node in the order of its source; its outputs become transpositions of what it then gives."""
        inner = tuple(name and f"{name}_in_order" for name in node.outputs)
        for name, computed in zip(node.outputs, inner, strict=True):
            self._set(name, computed, order)
        return replace(node, outputs=inner, **changes)

    def _set(self, name: str, source: str, order: Order) -> None:
        if order == tuple(range(len(order))):
            self._same[name] = source
        else:
            self._pending[name] = (source, order)

    def _transpose(self, node: OnnxNode) -> None:
        name, order = node.inputs[0], node.attributes.get("perm")
        source, before = self._pending.get(name, (name, tuple(range(len(order or ())))))
        if order is None or sorted(order) != sorted(before):
            # the number of axes is not known here, or the file is damaged, which is told later
            self._compute(name)
            self._nodes.append(node)
            return
        self._set(node.outputs[0], source, tuple(before[axis] for axis in order))

    def _order(self, node: OnnxNode) -> Order | None:
        """The one order of the node's transposed inputs; None if there is none, or others depend on the net's input."""
        orders = {self._pending[name][1] for name in node.inputs if name in self._pending}
        rest = [name for name in node.inputs if name and name not in self._pending and name not in self._constants]
        return orders.pop() if len(orders) == 1 and not rest else None

    def order(self, node: OnnxNode) -> Order:
        """The order of the node's transposed inputs."""
        order = self._order(node)
        assert order is not None
        return order

    def _compute(self, name: str) -> None:
        """Write the transposition out, once."""
        if name in self._pending and name not in self._computed:
            source, order = self._pending[name]
            self._nodes.append(OnnxNode("Transpose", "", (source,), (name,), {"perm": list(order)}))
            self._computed.add(name)

    def _output(self, name: str) -> str:
        """An output of the graph, which keeps its name."""
        if name in self._same:
            self._nodes.append(OnnxNode("Identity", "", (self._same[name],), (name,)))
        self._compute(name)
        return name

    def _seen_inside(self, node: OnnxNode) -> OnnxNode:
        """The node with the branches that it holds reading values by their new names."""
        if not any(isinstance(value, OnnxGraph) for value in node.attributes.values()):
            return node
        attributes = {
            key: replace(value, nodes=tuple(self._renamed(inner) for inner in value.nodes))
            if isinstance(value, OnnxGraph)
            else value
            for key, value in node.attributes.items()
        }
        return replace(node, attributes=attributes)

    def _renamed(self, node: OnnxNode) -> OnnxNode:
        return self._seen_inside(replace(node, inputs=tuple(self._same.get(name, name) for name in node.inputs)))


def _elementwise(moving: _Moving, node: OnnxNode) -> OnnxNode | None:
    if not moving.is_pending(node.inputs[0]):
        return None
    return moving.result(node, moving.order(node), inputs=(moving.source(node.inputs[0]), *node.inputs[1:]))


def _broadcasting(moving: _Moving, node: OnnxNode) -> OnnxNode | None:
    """Constants are brought into the order of the source, missing axes as ones."""
    order = moving.order(node)
    if node.op == "PRelu" and not moving.is_pending(node.inputs[0]):
        return None
    inputs = []
    for name in node.inputs:
        value = moving.constant(name)
        if moving.is_pending(name) or not name:
            inputs.append(moving.source(name))
        elif value is None or value.dim() > len(order):
            return None
        elif value.numel() == 1:
            inputs.append(name)
        else:
            whole = value.reshape([1] * (len(order) - value.dim()) + list(value.shape))
            inputs.append(moving.add_constant(name, whole.permute(_inverse(order)).contiguous(), order))
    return moving.result(node, order, inputs=tuple(inputs))


def _along_axis(moving: _Moving, node: OnnxNode) -> OnnxNode | None:
    """Operators with one axis: Concat, Split, Softmax since opset 13 …."""
    order = moving.order(node)
    axis = int(node.attributes.get("axis", _USUAL_AXIS.get(node.op, 0))) % len(order)
    pending = [moving.is_pending(name) for name in node.inputs]
    if not pending[0] or (node.op == "Concat" and not all(pending)):
        return None
    inputs = tuple(moving.source(name) for name in node.inputs)
    return moving.result(node, order, inputs=inputs, attributes={**node.attributes, "axis": order[axis]})


_USUAL_AXIS = {"Softmax": -1, "LogSoftmax": -1, "LpNormalization": -1}


def _softmax(moving: _Moving, node: OnnxNode) -> OnnxNode | None:
    return _along_axis(moving, node) if moving.opset >= 13 else None


def _pad(moving: _Moving, node: OnnxNode) -> OnnxNode | None:
    order = moving.order(node)
    amounts = _numbers(moving, node, "pads", 1)
    if not moving.is_pending(node.inputs[0]) or amounts is None or len(amounts) != 2 * len(order):
        return None
    places = [order.index(axis) for axis in range(len(order))]
    pads = [amounts[place] for place in places] + [amounts[len(order) + place] for place in places]
    inputs = (moving.source(node.inputs[0]), "", *node.inputs[2:3])
    return moving.result(node, order, inputs=inputs, attributes={**node.attributes, "pads": pads})


def _reduce(moving: _Moving, node: OnnxNode) -> OnnxNode | None:
    order = moving.order(node)
    axes = _numbers(moving, node, "axes", 1)
    if not moving.is_pending(node.inputs[0]) or not axes:
        return None
    gone = [order[axis % len(order)] for axis in axes]
    if not node.attributes.get("keepdims", 1):
        kept = [axis for axis in order if axis not in gone]
        order = tuple(sorted(kept).index(axis) for axis in kept)
    inputs = (moving.source(node.inputs[0]),)
    return moving.result(node, order, inputs=inputs, attributes={**node.attributes, "axes": gone})


def _slice(moving: _Moving, node: OnnxNode) -> OnnxNode | None:
    order = moving.order(node)
    starts = _numbers(moving, node, "starts", 1)
    if not moving.is_pending(node.inputs[0]) or starts is None:
        return None
    axes = _numbers(moving, node, "axes", 3) or list(range(len(starts)))
    attributes = {**node.attributes, "axes": [order[axis % len(order)] for axis in axes]}
    inputs = (
        moving.source(node.inputs[0]),
        *node.inputs[1:3],
        *(("", *node.inputs[4:]) if len(node.inputs) > 3 else ()),
    )
    return moving.result(node, order, inputs=inputs, attributes=attributes)


Rule = Callable[[_Moving, OnnxNode], OnnxNode | None]
RULES: dict[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE, _elementwise),
    **dict.fromkeys(BROADCASTING, _broadcasting),
    **dict.fromkeys(("Concat", "Split", "LpNormalization"), _along_axis),
    **dict.fromkeys(("Softmax", "LogSoftmax"), _softmax),
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2"), _reduce),
    "Pad": _pad,
    "Slice": _slice,
}
"""How a transposition moves through an operator; None where it must be computed first."""


def _numbers(moving: _Moving, node: OnnxNode, name: str, index: int) -> list[int] | None:
    """Whole numbers of an attribute or, in newer opsets, of a constant input."""
    if name in node.attributes:
        return list(map(int, node.attributes[name]))
    value = moving.constant(node.inputs[index]) if len(node.inputs) > index else None
    return None if value is None else [int(number) for number in value.reshape(-1)]


def _inverse(order: Sequence[int]) -> list[int]:
    return torch.argsort(torch.tensor(order)).tolist()


def _constant_nodes(graph: OnnxGraph) -> dict[str, Tensor]:
    found = [node for node in graph.nodes if node.op == "Constant" and not node.domain]
    return {
        node.outputs[0]: node.attributes["value"] for node in found if isinstance(node.attributes.get("value"), Tensor)
    }


def _outer_reads(node: OnnxNode) -> Iterator[str]:
    """Names of values that the branches of a node read, of inside and outside."""
    for value in node.attributes.values():
        if isinstance(value, OnnxGraph):
            yield from value.outputs
            for inner in value.nodes:
                yield from inner.inputs
                yield from _outer_reads(inner)
