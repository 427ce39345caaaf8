"""``min(relu(x), h)`` as one layer: stock Caffe 1.0 has to write it with five."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prototxt.formats.schema import EltwiseParameter, LayerParameter, NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.build import layer
from prototxt.net.graph import NetGraph, Node
from prototxt.rewrite.rewritten import Rewritten, Top
from prototxt.targets.registry import REWRITES


@dataclass(frozen=True)
class Clipping:
    """A bounded ReLU: the layers that compute it, the last of them last, and the bound."""

    layers: tuple[Node, ...]
    high: float


@REWRITES.register("clip")
def clip(net: NetParameter, weights: Weights) -> Rewritten:
    """Clip from 0 to the bound."""
    return _replaced(net, weights, lambda found: ("Clip", {"clip_param": {"min": 0.0, "max": found.high}}))


@REWRITES.register("relu6")
def relu6(net: NetParameter, weights: Weights) -> Rewritten:
    """ReLU6, where the bound is 6."""
    return _replaced(net, weights, lambda found: ("ReLU6", {}) if found.high == 6 else None)


Form = Callable[[Clipping], tuple[str, dict[str, dict[str, float]]] | None]


def _replaced(net: NetParameter, weights: Weights, form: Form) -> Rewritten:
    graph = NetGraph(net)
    found = {each.layers[-1].name: each for each in _clippings(graph) if form(each)}
    gone = {node.name for each in found.values() for node in each.layers[:-1]}
    new = NetParameter()
    new.CopyFrom(net)
    del new.layer[:]
    for old in graph.net.layer:
        if old.name in found:
            new.layer.append(_one_layer(old, found[old.name], form))
        elif old.name not in gone:
            new.layer.add().CopyFrom(old)
    moved: dict[Top, Top | None] = {(name, 0): None for name in gone}
    return Rewritten(new, weights, moved)


def _one_layer(old: LayerParameter, found: Clipping, form: Form) -> LayerParameter:
    chosen = form(found)
    assert chosen is not None
    type, fields = chosen
    return layer(type, old.name, found.layers[0].layer.bottom[0], old.top[0], **fields)


def _clippings(graph: NetGraph) -> Iterator[Clipping]:
    """ReLU, Power -x, Power of the constant -h, Eltwise MAX of the two, Power -x; nobody else reads what is between."""
    for last in graph.layers:
        if not _is_power(last, scale=-1):
            continue
        maximum = graph.producer(last.bottoms[0])
        if maximum.type != "Eltwise" or maximum.layer.eltwise_param.operation != EltwiseParameter.MAX:
            continue
        makers = [graph.producer(value) for value in maximum.bottoms]
        constants = [node for node in makers if _is_power(node, scale=0) and node.layer.power_param.shift < 0]
        negatives = [node for node in makers if _is_power(node, scale=-1)]
        if len(makers) != 2 or not constants or not negatives or constants[0].bottoms != negatives[0].tops:
            continue
        relu = graph.producer(negatives[0].bottoms[0])
        chain = (relu, negatives[0], constants[0], maximum, last)
        if _is_relu(relu) and _only_read_within(graph, chain):
            yield Clipping(chain, -constants[0].layer.power_param.shift)


def _is_power(node: Node, scale: float) -> bool:
    param = node.layer.power_param
    is_plain = param.power == 1 and (scale == 0 or param.shift == 0)
    return node.type == "Power" and is_plain and param.scale == scale


def _is_relu(node: Node) -> bool:
    return node.type == "ReLU" and node.layer.relu_param.negative_slope == 0


def _only_read_within(graph: NetGraph, chain: tuple[Node, ...]) -> bool:
    return all(set(graph.consumers(node.tops[0])) <= set(chain) for node in chain[:-1])
