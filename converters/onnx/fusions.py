"""Several nodes that are one operation in PyTorch and Caffe, put together again: what exporters take apart.

Every rule looks at one node and those that it reads; nothing is changed that anything else reads.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from converters.onnx.graph import OWN, OnnxGraph, OnnxNode


class View:
    """A graph in which a rule looks around.

    Parameters
    ----------
    graph : as it is before the rule.
    """

    def __init__(self, graph: OnnxGraph) -> None:
        self.opset = graph.opset
        self._makers = {name: node for node in graph.nodes for name in node.outputs if name}
        self._constants: Mapping[str, Tensor] = graph.initializers
        self._uses = Counter(name for node in graph.nodes for name in all_reads(node))
        self._uses.update(graph.outputs)

    def constant(self, name: str) -> Tensor | None:
        """A constant of the file, in an initializer or a node."""
        maker = self._makers.get(name)
        if maker is not None and maker.op == "Constant" and isinstance(maker.attributes.get("value"), Tensor):
            return maker.attributes["value"]
        return self._constants.get(name)

    def number(self, name: str) -> float | None:
        """A constant of one value."""
        value = self.constant(name)
        return float(value.reshape(-1)[0]) if value is not None and value.numel() == 1 else None

    def maker(self, name: str, *ops: str) -> OnnxNode | None:
        """The node that computes a value for one reader alone, if it is of one of these operators."""
        node = self._makers.get(name)
        if node is None or node.domain or node.op not in ops:
            return None
        others = any(self._uses[output] for output in node.outputs[1:])
        return node if self._uses[node.outputs[0]] == 1 and not others else None

    def any_maker(self, name: str, op: str) -> OnnxNode | None:
        """The node that computes a value, whoever else reads it, if it is of this operator."""
        node = self._makers.get(name)
        return node if node is not None and not node.domain and node.op == op else None

    def own_maker(self, name: str, op: str) -> OnnxNode | None:
        """The node of one of the operators of this file that computes a value for one reader alone."""
        node = self._makers.get(name)
        return node if node is not None and (node.domain, node.op) == (OWN, op) and self._uses[name] == 1 else None

    def axes(self, node: OnnxNode) -> list[int] | None:
        """Axes of a reduction: an attribute before opset 18, then an input."""
        given = node.attributes.get("axes")
        if given is None and len(node.inputs) > 1 and (value := self.constant(node.inputs[1])) is not None:
            given = value.reshape(-1).tolist()
        return None if given is None else [int(axis) for axis in given]

    def with_number(self, node: OnnxNode) -> tuple[str, float] | None:
        """The value and the number that a node of two inputs joins, in either order."""
        for value, other in (node.inputs, node.inputs[::-1]):
            number = self.number(other)
            if number is not None:
                return value, number
        return None

    def factors(self, name: str, top: bool = True) -> tuple[list[str], float]:
        """The values, and the product of the numbers, whose product a value is."""
        node = self._makers.get(name) if top else self.maker(name, "Mul", "Div")
        if node is None or node.domain or node.op not in ("Mul", "Div"):
            number = self.number(name)
            return ([name], 1.0) if number is None else ([], number)
        if node.op == "Div":
            divisor = self.number(node.inputs[1])
            if not divisor:
                return [name], 1.0
            values, number = self.factors(node.inputs[0], top=False)
            return values, number / divisor
        first, a = self.factors(node.inputs[0], top=False)
        second, b = self.factors(node.inputs[1], top=False)
        return first + second, a * b


Rule = Callable[[View, OnnxNode], OnnxNode | None]


def fused(graph: OnnxGraph) -> OnnxGraph:
    """The graph with every rule of `RULES` applied, and without nodes that nothing needs any more."""
    for op, rule in RULES:
        if any(node.op == op for node in graph.nodes):
            view = View(graph)
            nodes = [rule(view, node) or node if node.op == op and not node.domain else node for node in graph.nodes]
            graph = replace(graph, nodes=tuple(needed(nodes, graph.outputs)))
    return graph


def needed(nodes: list[OnnxNode], outputs: tuple[str, ...]) -> list[OnnxNode]:
    """The nodes that the outputs depend on, in order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if not wanted.isdisjoint(node.outputs):
            kept.append(node)
            wanted.update(all_reads(node))
    return kept[::-1]


def all_reads(node: OnnxNode) -> Iterator[str]:
    """Names of the values that a node and its branches read."""
    yield from filter(None, node.inputs)
    for value in node.attributes.values():
        if isinstance(value, OnnxGraph):
            yield from value.outputs
            for inner in value.nodes:
                yield from all_reads(inner)


def _is(value: float, wanted: float) -> bool:
    """Whether a number is the float32 that an exporter writes for another."""
    return math.isclose(value, wanted, rel_tol=1e-5)


def _new(node: OnnxNode, op: str, *inputs: str, **attributes: Any) -> OnnxNode:
    return replace(node, op=op, domain=OWN, inputs=inputs, attributes=attributes)


def bias(view: View, node: OnnxNode) -> OnnxNode | None:
    """A constant that is added to a convolution or a matrix product: its bias."""
    for value, other in (node.inputs, node.inputs[::-1]):
        constant, product = view.constant(other), view.maker(value, "Conv", "ConvTranspose", "MatMul")
        weight = view.constant(product.inputs[1]) if product is not None else None
        if constant is None or product is None or weight is None or weight.dim() < 2 or len(product.inputs) != 2:
            continue
        axes = 1 if product.op == "MatMul" else weight.dim() - 1
        group = int(product.attributes.get("group", 1))
        width = weight.shape[0] if product.op == "Conv" else weight.shape[1] * group
        if product.op == "MatMul" and weight.dim() != 2:
            continue
        if constant.numel() == width and _only_axis(constant, axes):
            return replace(product, inputs=(*product.inputs, other), outputs=node.outputs)
    return None


def _only_axis(constant: Tensor, axes: int) -> bool:
    """Whether a constant has values along the ``axes``-th last axis alone; a bias may have leading axes of one."""
    extents = [1] * axes + list(constant.shape)
    return constant.dim() >= axes and all(
        extent == 1 for place, extent in enumerate(extents) if place != len(extents) - axes
    )


def pad(view: View, node: OnnxNode) -> OnnxNode | None:
    """A pad with zeros in front of a convolution that alone reads it: its own padding."""
    before = view.maker(node.inputs[0], "Pad")
    if before is None or before.attributes.get("mode", "constant") != "constant" or len(before.inputs) > 3:
        return None
    value = view.number(before.inputs[2]) if len(before.inputs) > 2 and before.inputs[2] else 0.0
    amounts = before.attributes.get("pads")
    if amounts is None and (given := view.constant(before.inputs[1])) is not None:
        amounts = [int(amount) for amount in given.reshape(-1)]
    if amounts is None or value != 0 or before.attributes.get("value", 0.0) != 0:
        return None
    if node.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or min(amounts) < 0:
        return None
    half = len(amounts) // 2
    if any(amounts[:2]) or any(amounts[half : half + 2]):
        return None
    more = amounts[2:half] + amounts[half + 2 :]
    own = (
        node.attributes.get("pads", [0] * len(more)) if node.attributes.get("auto_pad") != "VALID" else [0] * len(more)
    )
    if len(own) != len(more):
        return None
    pads = [a + b for a, b in zip(own, more, strict=True)]
    attributes = {**node.attributes, "pads": pads, "auto_pad": "NOTSET"}
    return replace(node, inputs=(before.inputs[0], *node.inputs[1:]), attributes=attributes)


def gelu(view: View, node: OnnxNode) -> OnnxNode | None:
    """``x * 0.5 * (1 + erf(x / √2))``, or with tanh, in any order."""
    values, number = view.factors(node.outputs[0])
    if len(values) != 2 or not _is(number, 0.5):
        return None
    for x, other in (values, values[::-1]):
        plus = view.maker(other, "Add")
        joined = plus and view.with_number(plus)
        if not joined or not _is(joined[1], 1.0):
            continue
        inner = view.maker(joined[0], "Erf", "Tanh")
        if inner is None:
            continue
        if inner.op == "Erf" and _is_scaled(view, inner.inputs[0], x, math.sqrt(0.5)):
            return _new(node, "Gelu", x, approximate="none")
        if inner.op == "Tanh" and _is_cubic(view, inner.inputs[0], x):
            return _new(node, "Gelu", x, approximate="tanh")
    return None


def _is_scaled(view: View, name: str, x: str, by: float) -> bool:
    values, number = view.factors(name, top=False)
    return values == [x] and _is(number, by)


def _is_cubic(view: View, name: str, x: str) -> bool:
    """``√(2/π) * (x + 0.044715 * x³)``."""
    values, number = view.factors(name, top=False)
    plus = view.maker(values[0], "Add") if len(values) == 1 and _is(number, math.sqrt(2 / math.pi)) else None
    if plus is None or x not in plus.inputs:
        return False
    cubes, share = view.factors(plus.inputs[1 if plus.inputs[0] == x else 0], top=False)
    if not _is(share, 0.044715):
        return False
    if cubes == [x] * 3:
        return True
    power = view.maker(cubes[0], "Pow") if len(cubes) == 1 else None
    return power is not None and power.inputs[0] == x and view.number(power.inputs[1]) == 3


def gated(view: View, node: OnnxNode) -> OnnxNode | None:
    """``x * f(x)``: SiLU, Mish and hard-swish."""
    for x, other in (node.inputs, node.inputs[::-1]):
        gate = view.maker(other, "Sigmoid", "HardSigmoid", "Tanh")
        if gate is None:
            continue
        if gate.op == "Tanh":
            soft = view.maker(gate.inputs[0], "Softplus")
            if soft is not None and soft.inputs[0] == x:
                return _new(node, "Mish", x)
        elif gate.inputs[0] == x and gate.op == "Sigmoid":
            return _new(node, "Silu", x)
        elif gate.inputs[0] == x and _is_pytorchs(gate):
            return _new(node, "HardSwish", x)
    return None


def _is_pytorchs(node: OnnxNode) -> bool:
    """Whether a HardSigmoid has PyTorch's two numbers."""
    return _is(node.attributes.get("alpha", 0.2), 1 / 6) and _is(node.attributes.get("beta", 0.5), 0.5)


def hard(view: View, node: OnnxNode) -> OnnxNode | None:
    """``clip(x + 3, 0, 6) / 6``, alone (hard-sigmoid) or times ``x`` (hard-swish)."""
    values, number = view.factors(node.outputs[0])
    if not _is(number, 1 / 6) or len(values) not in (1, 2):
        return None
    for x, other in (values, values[::-1]) if len(values) == 2 else (("", values[0]),):
        clip = view.maker(other, "Clip")
        shifted = clip and _bounds(view, clip) == (0.0, 6.0) and view.maker(clip.inputs[0], "Add")
        joined = view.with_number(shifted) if shifted else None
        if joined and joined[1] == 3.0 and x in ("", joined[0]):
            return _new(node, "HardSwish" if x else "HardSigmoid", joined[0])
    return None


def _bounds(view: View, node: OnnxNode) -> tuple[float | None, float | None]:
    """Of a Clip: attributes before opset 11, then inputs."""
    inputs = (*node.inputs, "", "")
    low, high = (node.attributes.get(name, view.number(inputs[index])) for index, name in ((1, "min"), (2, "max")))
    return low, high


def layer_norm(view: View, node: OnnxNode) -> OnnxNode | None:
    """``(x - mean) / sqrt(variance + eps)`` over the last axes, as exporters write it before opset 17."""
    centred = node.inputs[0]
    root = view.maker(node.inputs[1], "Sqrt")
    plus = root and view.maker(root.inputs[0], "Add")
    joined = plus and view.with_number(plus)
    variance = view.maker(joined[0], "ReduceMean") if joined else None
    square = variance and view.maker(variance.inputs[0], "Pow", "Mul")
    difference = view.any_maker(centred, "Sub")
    mean = difference and view.maker(difference.inputs[1], "ReduceMean")
    if not (square and difference and mean and variance and joined):
        return None
    squared = square.inputs == (centred, centred) or (
        square.op == "Pow" and square.inputs[0] == centred and view.number(square.inputs[1]) == 2
    )
    axes = view.axes(variance)
    last = axes is not None and sorted(axes) == list(range(-len(axes), 0))
    kept = all(each.attributes.get("keepdims", 1) for each in (mean, variance))
    if not squared or not last or not kept or view.axes(mean) != axes or mean.inputs[0] != difference.inputs[0]:
        return None
    return _new(node, "LayerNorm", difference.inputs[0], axes=len(axes or ()), epsilon=joined[1])


def layer_norm_scale(view: View, node: OnnxNode) -> OnnxNode | None:
    """The scale and then the shift of a layer normalisation."""
    for value, other in (node.inputs, node.inputs[::-1]):
        norm = view.own_maker(value, "LayerNorm")
        constant = view.constant(other)
        if norm is None or constant is None or constant.dim() != norm.attributes["axes"]:
            continue
        if len(norm.inputs) == (1 if node.op == "Mul" else 2):
            return replace(norm, inputs=(*norm.inputs, other), outputs=node.outputs)
    return None


def strided(view: View, node: OnnxNode) -> OnnxNode | None:
    """All values of a flat array in their own order: a reshape, as which PyTorch writes an ``as_strided``."""
    flat = view.maker(node.inputs[0], "Reshape")
    wanted = view.constant(flat.inputs[1]) if flat is not None else None
    places = view.constant(node.inputs[1])
    if flat is None or wanted is None or places is None or wanted.tolist() != [-1] or node.attributes.get("axis", 0):
        return None
    if places.numel() < 2 or not torch.equal(places.reshape(-1), torch.arange(places.numel(), dtype=places.dtype)):
        return None
    return replace(node, op="AllReshaped", domain=OWN, inputs=flat.inputs[:1], attributes={"shape": list(places.shape)})


RULES: tuple[tuple[str, Rule], ...] = (
    ("Gather", strided),
    ("Add", bias),
    ("Conv", pad),
    ("Mul", gelu),
    ("Mul", hard),
    ("Div", hard),
    ("Mul", gated),
    ("Div", layer_norm),
    ("Mul", layer_norm_scale),
    ("Add", layer_norm_scale),
)
"""(operator of the last node, rule), in the order in which they are applied."""
