"""Rules about gradients that stock Caffe 1.0 loses without a word."""

from __future__ import annotations

from collections.abc import Iterator

from prototxt.formats.parameter_blobs import learns
from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.lint.registry import Finding, net_rule, net_warning
from prototxt.net.layer_types import LOSS_TYPES, shares_gradient


@net_rule
def gradients_pass_flatten(net: NetParameter) -> Iterator[Finding]:
    """In a net that is trained, no Flatten reads a blob whose gradient shares memory with another (BVLC/caffe #6769).

    The backward pass of Flatten puts its own memory in the place of its bottom's (flatten_layer.cpp, ``ShareDiff``), so
    that Reshape and its like, which only share memory, hand zeros down.
    """
    if _trains(net):
        yield from _cut_gradients(net)


@net_warning
def gradients_would_pass_flatten(net: NetParameter) -> Iterator[Finding]:
    """The same in a net without a loss, which somebody may train one day."""
    if not _trains(net):
        yield from _cut_gradients(net)


def _trains(net: NetParameter) -> bool:
    weighted = any(weight for layer in net.layer for weight in layer.loss_weight)
    return net.force_backward or weighted or any(layer.type in LOSS_TYPES for layer in net.layer)


def _cut_gradients(net: NetParameter) -> Iterator[Finding]:
    makers: dict[str, LayerParameter] = {}  # of each blob, layers that work in place aside
    readers: dict[str, int] = {}  # of each blob since it was last written; Caffe copies what several read
    flattened: list[tuple[LayerParameter, str, LayerParameter]] = []
    learning: dict[str, bool] = {}  # whether a gradient has somewhere to go below each blob
    for layer in net.layer:
        for bottom in layer.bottom:
            readers[bottom] = readers.get(bottom, 0) + 1
            if layer.type == "Flatten" and bottom in makers:
                flattened.append((layer, bottom, makers[bottom]))
        wanted = net.force_backward or learns(layer) or any(learning.get(bottom, False) for bottom in layer.bottom)
        for top in layer.top:
            if top not in layer.bottom:
                makers[top] = layer
            learning[top] = wanted
            readers[top] = 0 if top not in layer.bottom else readers[top] - 1
    for flatten, blob, maker in flattened:
        cut = shares_gradient(maker.type, len(maker.bottom), len(maker.top))
        if cut and readers[blob] == 1 and any(learning.get(bottom, False) for bottom in maker.bottom):
            yield Finding(
                flatten.name,
                f"reads '{blob}', which layer '{maker.name}' ({maker.type}) only shares memory for: stock Caffe hands "
                "no gradient down through both, so that the layers below learn nothing (BVLC/caffe #6769); make it a "
                "Reshape with shape { dim: 0 dim: -1 }",
            )
