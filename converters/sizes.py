"""For which sizes of the input a net is right: for every one where that can be had, else it says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from math import prod

import numpy as np

from converters.call import FixedSize
from converters.captured import Captured
from converters.errors import UnsupportedOpsError
from converters.layer_spec import LayerSpec
from converters.walk import Walk
from converters.write import to_net
from prototxt.common.errors import InputError
from prototxt.net.graph import NetGraph
from prototxt.net.shapes import infer_shapes

Shapes = Mapping[str, tuple[int, ...]]
"""By name of the input, batch first."""

OTHER_SIZES = (16, 32, 33)
"""By how much larger inputs are tried: so much that no stride makes the same maps of them."""
MOST_VALUES = 1 << 25
"""Of an input that is tried: 128 MB. Inputs with many axes grow beyond any memory."""


def walk_for_sizes(
    make: Callable[[Captured, bool], Walk], captured: Captured, again: Callable[[Shapes], Captured | None]
) -> tuple[Walk, list[LayerSpec]]:
    """Convert a graph so that it is right at every size, if nothing ties the net to this one.

    A plain Pooling that PyTorch and Caffe count alike at this size stays as it is in a net that takes no other: one
    with fully connected layers on its maps. That a net is right at other sizes is not left to the op files: the model
    is captured and converted at another size too, and must become the same layers.

    Parameters
    ----------
    make : makes the walk of a graph, for every size or for this one.
    again : captures the model for inputs of other shapes; None where it does not take them.
    """
    plain = make(captured, False)
    plain_layers = plain.layers()
    inputs = {each.name: each.asked for each in captured.inputs}
    if any(not each.curable for each in plain.fixed) or all(len(shape) < 3 for shape in inputs.values()):
        return plain, plain_layers
    if plain.fixed and not takes_other_sizes(plain_layers, inputs):
        return plain, plain_layers
    walk, layers = plain, plain_layers
    if plain.fixed:
        walk = make(captured, True)
        layers = walk.layers()
    tied = _tied(layers, inputs, lambda shapes: _elsewhere(make, again(shapes)))
    if tied is None:
        return walk, layers
    plain.fixed.append(tied)
    return plain, plain_layers


def _tied(
    layers: Sequence[LayerSpec], inputs: Shapes, elsewhere: Callable[[Shapes], list[LayerSpec] | None]
) -> FixedSize | None:
    """What is another layer at another size, None if all are the same."""
    for more in reversed(OTHER_SIZES):
        larger = _grown(inputs, more)
        if any(prod(shape) > MOST_VALUES for shape in larger.values()):
            continue
        others = elsewhere(larger)
        if others is not None:
            pairs = zip_longest(layers, others)
            name = next((one.name if one else two.name for one, two in pairs if not _same(one, two)), None)
            return name if name is None else FixedSize(name, "is another layer at other sizes", False)
    if takes_other_sizes(layers, inputs):
        return FixedSize("the model", "takes no other sizes that were tried", False)
    return None


def _elsewhere(make: Callable[[Captured, bool], Walk], captured: Captured | None) -> list[LayerSpec] | None:
    """The layers at another size, none at all where it cannot be converted there; None where there is no model."""
    if captured is None:
        return None
    try:
        return make(captured, True).layers()
    except UnsupportedOpsError:
        return []


def _same(one: LayerSpec | None, two: LayerSpec | None) -> bool:
    """Whether two layers do the same, with the same weights."""
    if one is None or two is None:
        return False
    if replace(one, blobs=()) != replace(two, blobs=()) or len(one.blobs) != len(two.blobs):
        return False
    return all(np.array_equal(a, b) for a, b in zip(one.blobs, two.blobs, strict=True))


def _grown(inputs: Shapes, more: int) -> dict[str, tuple[int, ...]]:
    """Shapes with every axis of the map larger, each by another amount."""
    return {
        name: (*shape[:2], *(size + more * place for place, size in enumerate(shape[2:], 1)))
        for name, shape in inputs.items()
    }


def takes_other_sizes(layers: Sequence[LayerSpec], inputs: Shapes) -> bool:
    """Whether Caffe would run the net, with its weights, on inputs of some other size."""
    net = to_net("", inputs, layers)
    params = infer_shapes(NetGraph(net)).params
    for more in OTHER_SIZES:
        try:
            if infer_shapes(NetGraph(to_net("", _grown(inputs, more), layers))).params == params:
                return True
        except InputError:
            continue
    return False


def why_fixed(fixed: Sequence[FixedSize]) -> str:
    """One clause about all that ties a net to its size."""
    first, *others = dict.fromkeys(f"{each.layer} {each.reason}" for each in fixed)
    return first + (f" (and {len(others)} more)" if others else "")
