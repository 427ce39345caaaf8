"""Gradients that nobody needs: of the frozen units of a layer below which nothing learns.

Such a layer needs the gradient of its top only for the units that learn. So the convolution above it, behind layers
that keep channels apart, computes the gradient of its bottom for these channels only.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from prototxt.net.graph import Node
from prototxt.net.layer_types import ACTIVATION_TYPES
from torchcaffe.layers.convolution import Convolution
from torchcaffe.network import Network
from torchcaffe.tape import values_that_need_gradient

# Without parameters, and every channel of the top depends on the same channel of the bottom.
CHANNELWISE = (ACTIVATION_TYPES - {"PReLU"}) | {"Dropout", "Pooling"}


def narrow(network: Network, free: Mapping[str, Tensor]) -> None:
    """Let convolutions leave out the gradient of channels that nobody needs; undoes what an earlier call did.

    Parameters
    ----------
    network : with ``force_backward``, nothing is left out.
    free : numbers of the units that learn, for layers where some do not.
    """
    for layer in network.layers:
        if isinstance(layer, Convolution):
            layer.needed_channels = None
    if network.net.force_backward:
        return
    needed = values_that_need_gradient(network)
    for node in network.graph.layers:
        if node.name in free and needed.isdisjoint(node.bottoms):
            above = _convolution_above(network, node)
            if above is not None:
                above.needed_channels = free[node.name].to(network.device)


def widen(network: Network) -> None:
    """Let every gradient be whole again."""
    narrow(network, {})


def _convolution_above(network: Network, node: Node) -> Convolution | None:
    """The convolution that alone reads what a layer's units become, channel by channel; None where there is none."""
    lowest = network.layers[node.index]
    if not isinstance(lowest, Convolution) or lowest.axis != 1 or len(node.tops) != 1:
        return None
    while True:
        value = node.tops[0]
        readers = network.graph.consumers(value)
        if value in network.loss_weights or len(readers) != 1 or len(readers[0].bottoms) != 1:
            return None
        node = readers[0]
        if node.type in CHANNELWISE and len(node.tops) == 1:
            continue
        above = network.layers[node.index]
        return above if isinstance(above, Convolution) and above.axis == 1 and above.group == 1 else None
