"""``torchcaffe time``: how long every layer takes (tools/caffe.cpp)."""

from __future__ import annotations

import logging
import time as clock
from collections import defaultdict

import torch
from torch import Tensor
from tqdm import trange

from prototxt.net.graph import Node, Value
from torchcaffe.commands.flags import Call
from torchcaffe.commands.test import open_network
from torchcaffe.network import Network
from torchcaffe.tape import nodes_under_loss

log = logging.getLogger(__name__)


def time(call: Call) -> None:
    """Time ``-iterations`` passes forward and backward, layer by layer, in milliseconds.

    Raises
    ------
    InputError : anything that is wrong with the flags or the net.
    """
    network = open_network(call.required("model", "a model definition to time"), call, "TRAIN")
    timer = LayerTimer(network)
    log.info("Performing Forward")
    log.info("Initial loss: %g", timer.forward())
    log.info("Performing Backward")
    timer.backward()
    timer.reset()
    log.info("*** Benchmark begins ***")
    log.info("Testing for %d iterations.", call.number("iterations"))
    start = timer.now()
    for index in trange(call.number("iterations"), unit="pass", disable=None):
        before = timer.now()
        timer.forward()
        timer.backward()
        log.info("Iteration: %d forward-backward time: %g ms.", index + 1, timer.now() - before)
    _report(timer, call.number("iterations"), timer.now() - start)


def _report(timer: LayerTimer, iterations: int, total: float) -> None:
    log.info("Average time per layer: ")
    for node in timer.network.graph.layers:
        log.info("%10s\tforward: %g ms.", node.name, timer.forward_times[node] / iterations)
        log.info("%10s\tbackward: %g ms.", node.name, timer.backward_times[node] / iterations)
    log.info("Average Forward pass: %g ms.", sum(timer.forward_times.values()) / iterations)
    log.info("Average Backward pass: %g ms.", sum(timer.backward_times.values()) / iterations)
    log.info("Average Forward-Backward: %g ms.", total / iterations)
    log.info("Total Time: %g ms.", total)
    log.info("*** Benchmark ends ***")


class LayerTimer:
    """Runs a net one layer at a time, forward and backward, and adds up what each takes.

    Attributes
    ----------
    network : the net.
    forward_times, backward_times : milliseconds of every layer, over all passes since `reset`.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._under_loss = nodes_under_loss(network)
        self.reset()

    def reset(self) -> None:
        """Forget the times."""
        self.forward_times: dict[Node, float] = defaultdict(float)
        self.backward_times: dict[Node, float] = defaultdict(float)

    def now(self) -> float:
        """Milliseconds, when all work that was given to the device is done."""
        if self.network.device.type == "cuda":
            torch.cuda.synchronize(self.network.device)
        return clock.perf_counter() * 1000

    def forward(self) -> float:
        """One pass, inputs on zeros; every layer gets bottoms cut off from the layers before it. Returns the loss."""
        zeros = self.network.zeros()
        self._values: dict[Value, Tensor] = {
            value: self.network.in_fast_layout(zeros[value]) for value in self.network.graph.inputs
        }
        self._bottoms: dict[Node, list[Tensor]] = {}
        for node in self.network.graph.layers:
            bottoms = self._bottoms[node] = [self._bottom(node, place) for place in range(len(node.bottoms))]
            if node.type == "Input":
                continue
            start = self.now()
            tops = self.network.call_layer(node, bottoms)
            self.forward_times[node] += self.now() - start
            self._values.update(zip(node.tops, tops, strict=True))
        return self.network.loss(self._values).item()

    def backward(self) -> None:
        """The way back of the last `forward`; gradients of parameters are thrown away.

        As in Caffe every layer computes the gradients of its parameters, of zeros where no loss lies above it.
        """
        gradients: dict[Value, Tensor] = {
            value: torch.full_like(self._values[value], weight) for value, weight in self.network.loss_weights.items()
        }
        for node in reversed(self.network.graph.layers):
            tops = [value for value in node.tops if self._values[value].requires_grad]
            for top in tops:
                gradients.setdefault(top, torch.zeros_like(self._values[top]))
            start = self.now()
            if tops:
                torch.autograd.backward([self._values[top] for top in tops], [gradients[top] for top in tops])
            self.backward_times[node] += self.now() - start
            for value, bottom in zip(node.bottoms, self._bottoms[node], strict=True):
                if bottom.grad is not None:
                    gradients[value] = gradients[value] + bottom.grad if value in gradients else bottom.grad
        self.network.zero_grad()

    def _bottom(self, node: Node, place: int) -> Tensor:
        value = self._values[node.bottoms[place]]
        force = self.network.net.force_backward
        wanted = force or (value.requires_grad and node in self._under_loss)
        return value.detach().requires_grad_(wanted and not self.network.layers[node.index].cuts_gradient(place, force))
