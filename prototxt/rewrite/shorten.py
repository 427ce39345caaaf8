"""A net for inference alone: without what only training needs or what computes nothing."""

from __future__ import annotations

from collections.abc import Callable

from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.graph import NetGraph, Node
from prototxt.rewrite.fold import fold
from prototxt.rewrite.rewritten import Rewritten, Top, without_layers


def shorten(net: NetParameter, weights: Weights) -> Rewritten:
    """Leave out Dropout and layers that hand their bottom on, and fold Scale, Bias and Power into the layer before.

    BatchNorm stays: `fold` folds it where it is asked to.
    """
    graph = NetGraph(net)
    gone = {node.name: 0 for node in graph.layers if _hands_on(node) and _may_go(graph, node)}
    kept, blobs = without_layers(net, gone)
    moved: dict[Top, Top | None] = {(name, 0): None for name in gone}
    folded = fold(kept, {name: arrays for name, arrays in weights.items() if name not in gone}, batch_norm=False)
    return Rewritten(
        folded.net,
        folded.weights,
        moved | dict(folded.moved),
        {old: folded.blobs.get(new, new) for old, new in blobs.items()} | dict(folded.blobs),
    )


def _hands_on(node: Node) -> bool:
    check = HANDS_ON.get(node.type)
    return check is not None and len(node.bottoms) == len(node.tops) == 1 and check(node.layer)


def _may_go(graph: NetGraph, node: Node) -> bool:
    """Whether readers may read the bottom instead: it is not the net's output, and nobody else's to overwrite."""
    alone = len(graph.consumers(node.bottoms[0])) == 1
    return bool(graph.consumers(node.tops[0])) and (
        node.in_place or alone or not any(reader.in_place for reader in graph.consumers(node.tops[0]))
    )


HANDS_ON: dict[str, Callable[[LayerParameter], bool]] = {
    "Dropout": lambda layer: True,
    "Power": lambda layer: (layer.power_param.power, layer.power_param.scale, layer.power_param.shift) == (1, 1, 0),
    "Split": lambda layer: True,
    "Concat": lambda layer: True,  # of one bottom
    "Eltwise": lambda layer: not layer.eltwise_param.coeff,
}
"""Whether a layer with one bottom and one top gives, in inference, what it takes."""
