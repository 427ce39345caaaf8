"""One pass of a solver through a net: straight through the engine, or through the blobs that a program looks at."""

from __future__ import annotations

from typing import NamedTuple

import torch

from torchcaffe.network import Network
from torchcaffe.pycaffe.net import Net
from torchcaffe.scores import Score, scores


class Pass(NamedTuple):
    """What a pass gave: the weighted sum of all losses, and every number of every output."""

    loss: float
    scores: list[Score]


def run_engine(network: Network, backward: bool) -> Pass:
    """Run a net, Input layers on zeros; with ``backward`` gradients are added to those of its parameters."""
    with torch.set_grad_enabled(backward):
        values = network.run(network.zeros(), fold=True)
        loss = network.loss(values)
    if loss.requires_grad:
        loss.backward()
    return Pass(loss.item(), scores(network, values))


def run_net(net: Net, backward: bool) -> Pass:
    """As `run_engine`, through the blobs of pycaffe's view of the net: they hold every value afterwards."""
    last = len(net.layers) - 1
    loss = net._forward(0, last)
    if backward:
        net._backward(last, 0)
    values = {value: torch.from_numpy(net.blobs[value.blob].data) for value in net.network.graph.outputs}
    return Pass(loss, scores(net.network, values))
