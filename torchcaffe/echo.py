"""The log's account of a solver and its nets, in the words of Caffe's ``solver.cpp`` and ``net.cpp``.

Caffe's copies of blobs that several layers read (``…_split``) are not here, nor their memory.
"""

from __future__ import annotations

import logging
from math import prod

from prototxt.formats.schema import NetParameter, SolverParameter
from prototxt.formats.text_printer import debug_text
from prototxt.net.phases import unmet
from torchcaffe.network import Network
from torchcaffe.tape import layers_with_a_way_back, nodes_under_loss

log = logging.getLogger(__name__)

_FLOAT = 4  # bytes


def echo_solver(param: SolverParameter) -> None:
    """Write a solver's prototxt into the log."""
    _echo("Initializing solver from parameters: \n%s", param)


def echo_net(net: NetParameter, filtered: NetParameter) -> None:
    """Write into the log which rules leave layers of a net out, and the prototxt of what is left."""
    for layer in net.layer:
        for sentence in unmet(layer, filtered.state):
            log.info("%s", sentence)
    _echo("Initializing net from parameters: \n%s", filtered)


def echo_layers(network: Network) -> None:
    """Write into the log what the layers of a net read and write, their shapes, and which have a way back."""
    if not log.isEnabledFor(logging.INFO):
        return
    memory = 0
    for node, layer in zip(network.graph.layers, network.layers, strict=True):
        log.info("Creating layer %s", node.name)
        log.info("Creating Layer %s", node.name)
        for value in node.bottoms:
            log.info("%s <- %s", node.name, value.blob)
        read = {value.blob for value in node.bottoms}
        for value in node.tops:
            log.info("%s -> %s%s", node.name, value.blob, " (in-place)" if value.blob in read else "")
        log.info("Setting up %s", node.name)
        for value, weight in zip(node.tops, layer.loss_weights, strict=True):
            shape = network.shapes.values[value]
            memory += prod(shape) * _FLOAT
            log.info("Top shape: %s(%d)", "".join(f"{length} " for length in shape), prod(shape))
            if weight:
                log.info("    with loss weight %g", weight)
        log.info("Memory required for data: %d", memory)
    _echo_way_back(network)
    for value in sorted(network.graph.outputs, key=lambda value: value.blob):
        log.info("This network produces output %s", value.blob)
    log.info("Network initialization done.")


def _echo_way_back(network: Network) -> None:
    going = layers_with_a_way_back(network) & nodes_under_loss(network)
    for node in reversed(network.graph.layers):
        log.info("%s %s backward computation.", node.name, "needs" if node in going else "does not need")


def _echo(words: str, message: NetParameter | SolverParameter) -> None:
    if log.isEnabledFor(logging.INFO):
        log.info(words, debug_text(message).rstrip("\n"))
