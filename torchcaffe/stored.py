"""Nets as files hold them: a split net that is trained joined is loaded and stored in its parts."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from prototxt.formats.parameter_blobs import parameter_count
from prototxt.formats.schema import Phase
from prototxt.formats.solverstate import SolverState
from prototxt.formats.weights import Weights
from prototxt.net.build import input_layer
from prototxt.net.build import net as make_net
from prototxt.net.phases import filter_net
from prototxt.split import Joined, Split, join_nets, merge_state, merge_weights, split_state, split_weights
from torchcaffe.echo import echo_layers, echo_net
from torchcaffe.network import Network, fitting_blobs
from torchcaffe.solver_nets import NetSource

log = logging.getLogger(__name__)


class Stored:
    """A net that runs, as its files hold it.

    Parameters
    ----------
    network : the net that runs.
    split : the net in the files and what of it was joined; None where it is the net that runs.

    Attributes
    ----------
    net : the net in the files.
    layers : those that run as one layer, and their parts in the files.
    """

    def __init__(self, network: Network, split: Split | None = None) -> None:
        self.network = network
        self.net, self.layers = split or Split(network.net, ())

    def weights(self) -> Weights:
        """Copies of all parameters, by the layers of the net in the files."""
        return split_weights(self.network.weights(), self.layers)

    def load(self, weights: Weights) -> list[str]:
        """Copy weights into the layers of the same names, as `Network.load`."""
        if not self.layers:
            return self.network.load(weights)
        own, found = self.weights(), {}
        for layer in self.net.layer:
            if layer.name in weights:
                shapes = [blob.shape for blob in own.get(layer.name, [])]
                found[layer.name] = fitting_blobs(layer.name, layer.type, shapes, weights[layer.name])
        self.network.load(merge_weights(own | found, self.layers))
        return [name for name in weights if name not in found]

    def without_weights(self, loaded: Collection[str]) -> list[str]:
        """Layers of the net in the files that have parameters of their own which no loaded layer has given.

        Parameters
        ----------
        loaded : names of the layers that weights were loaded for. What a layer shares with one of them (``param {
            name }``) it has from there; blobs that stand in the net's own file count as given.
        """
        given = {spec.name for layer in self.net.layer if layer.name in loaded for spec in layer.param if spec.name}
        missing = []
        for layer in self.net.layer:
            if layer.name in loaded or layer.blobs:
                continue
            count = parameter_count(layer)
            count = len(self.network.params.get(layer.name, ())) if count is None else count
            names = [layer.param[place].name if place < len(layer.param) else "" for place in range(count)]
            if not given.issuperset(names):
                missing.append(layer.name)
        return missing

    def take_apart(self, history: Sequence[Tensor]) -> list[np.ndarray]:
        """The history of a solver (one tensor for every learnable blob, or two) in the order of the files."""
        arrays = [tensor.detach().cpu().numpy() for tensor in history]
        if not self.layers:
            return arrays
        state = SolverState(0, "", 0, arrays)
        return split_state(state, self.network.net, self.network.weights(), Split(self.net, self.layers)).history

    def put_together(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Undo `take_apart`."""
        if not self.layers:
            return list(arrays)
        state = SolverState(0, "", 0, list(arrays))
        return merge_state(state, Split(self.net, self.layers), self.weights(), self.network.net).history


def make_stored(
    sources: Sequence[NetSource], device: torch.device | str, seed: int | None, join: bool
) -> tuple[list[Stored], Mapping[str, list[np.ndarray]]]:
    """Make the nets of a solver.

    Parameters
    ----------
    sources : the training net, then the test nets.
    device, seed : as of `Network`.
    join : run every layer that was split by learning rate as one layer.

    Returns
    -------
    The nets; and the ``lr_mult`` of every unit of the joined layers of the training net, for every blob of them.

    Raises
    ------
    NetError : as `Network`.
    """
    nets = [filter_net(source.net, Phase.Name(source.net.state.phase)) for source in sources]
    joined = join_nets(nets) if join else [Joined(net, (), {}) for net in nets]
    made: list[Stored] = []
    for source, net, whole in zip(sources, nets, joined, strict=True):
        phase = Phase.Name(net.state.phase)
        log.info("%s", _creating(len(made), source.source))
        echo_net(source.net, net)
        made.append(Stored(Network(whole.net, phase, device, seed=seed), Split(net, whole.layers)))
        echo_layers(made[-1].network)
        say_zeros(made[-1].network)
        if whole.layers:
            parts = sum(len(layer.parts) for layer in whole.layers)
            log.info("Running %d layers of one learning rate each as %d layers", parts, len(whole.layers))
            made[-1].network.load(_filled(made[-1]))
    return made, joined[0].lr_mults


def _creating(number: int, source: str) -> str:
    """What Caffe says of the training net (0) and the test nets (1 …)."""
    if number:
        return f"Creating test net (#{number - 1}) specified by {source}"
    return (
        f"Creating training net from {source}" if "file" in source else f"Creating training net specified in {source}."
    )


def say_zeros(network: Network) -> None:
    """Name, in the log, inputs of a net that no layer fills."""
    for value in network.graph.inputs:
        log.warning("Blob %s is an input of the net: it holds zeros, as no layer fills it", value.blob)


def _filled(stored: Stored) -> Weights:
    """What the fillers of the parts give: other numbers than those of the whole layers would."""
    network = stored.network
    whole = {(layer.name, layer.type) for layer in network.net.layer}
    parts = [layer for layer in stored.net.layer if (layer.name, layer.type) not in whole]
    inner = {blob for layer in parts for blob in layer.top}
    outer = dict.fromkeys(blob for layer in parts for blob in layer.bottom if blob not in inner)
    inputs = [input_layer(blob, network.shapes.blob(blob)) for blob in outer]
    filled = Network(make_net("parts", [*inputs, *parts]), network.phase, seed=network.seed).weights()
    return merge_weights(filled, stored.layers)
