"""For which sizes of the input a net is right: for every one where that can be had, else it says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from converters.call import FixedSize
from converters.layer_spec import LayerSpec
from converters.walk import Walk
from converters.write import to_net
from prototxt.common.errors import InputError
from prototxt.net.graph import NetGraph
from prototxt.net.shapes import infer_shapes

OTHER_SIZES = (16, 32, 33)
"""By how much larger inputs are tried: so much that no stride makes the same maps of them."""


def walk_for_sizes(make: Callable[[bool], Walk], inputs: Mapping[str, Sequence[int]]) -> tuple[Walk, list[LayerSpec]]:
    """Convert a graph so that it is right at every size, if nothing else ties the net to this one.

    A plain Pooling that PyTorch and Caffe count alike at this size stays as it is in a net that takes no other: one
    with fully connected layers on its maps.

    Parameters
    ----------
    make : makes the walk, for every size or for this one.
    inputs : shapes by name.
    """
    walk = make(False)
    layers = walk.layers()
    if walk.fixed and all(each.curable for each in walk.fixed) and takes_other_sizes(layers, inputs):
        walk = make(True)
        layers = walk.layers()
    return walk, layers


def takes_other_sizes(layers: Sequence[LayerSpec], inputs: Mapping[str, Sequence[int]]) -> bool:
    """Whether Caffe would run the net, with its weights, on inputs of some other size."""
    net = to_net("", inputs, layers)
    params = infer_shapes(NetGraph(net)).params
    for more in OTHER_SIZES:
        grown = {name: (*shape[:2], *(size + more for size in shape[2:])) for name, shape in inputs.items()}
        try:
            if infer_shapes(NetGraph(to_net("", grown, layers))).params == params:
                return True
        except InputError:
            continue
    return False


def why_fixed(fixed: Sequence[FixedSize]) -> str:
    """One clause about all that ties a net to its size."""
    first, *others = dict.fromkeys(f"{each.layer} {each.reason}" for each in fixed)
    return first + (f" (and {len(others)} more)" if others else "")
