"""What entropy asks of torchcaffe. Imported inside functions only: torch takes seconds to import, and H needs none."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

import numpy as np

from prototxt.formats.schema import NetParameter, SolverParameter
from prototxt.formats.weights import Weights
from torchcaffe.network import Network
from torchcaffe.solver import Solver
from torchcaffe.solvers import RULES


class Complete(NamedTuple):
    """All blobs of a net, and the shapes of what its data layers deliver, by blob."""

    weights: Weights
    inputs: dict[str, tuple[int, ...]]


def complete(net: NetParameter, phase: str, weights: Weights, seed: int, folder: Path) -> Complete:
    """All blobs of a net: those given, by layer name, and for other layers what their fillers give.

    Parameters
    ----------
    net, phase : the net and its phase, "TRAIN" or "TEST".
    weights : may hold more layers than the net.
    seed : of the fillers' random numbers.
    folder : from which the data layers' paths are seen.

    Returns
    -------
    Weights in the net's order and shapes; shapes of the inputs, which only a file may know.

    Raises
    ------
    NetError : the weights do not fit the net.
    """
    with chdir(folder):
        network = Network(net, phase, weights=weights, seed=seed)
    sources = [
        node for node in network.graph.layers if not node.bottoms and node.type not in ("DummyData", "Parameter")
    ]
    inputs = {top.blob: tuple(network.shapes.values[top]) for node in sources for top in node.tops}
    blobs = {}
    for name, parameters in network.params.items():
        if weights.get(name):  # as they are, rather than a copy: they may be large
            pairs = zip(weights[name], parameters, strict=True)
            blobs[name] = [np.asarray(blob, np.float32).reshape(parameter.shape) for blob, parameter in pairs]
        else:
            blobs[name] = [parameter.detach().numpy() for parameter in parameters]
    return Complete(blobs, inputs)


def first_loss(net: NetParameter, weights: Weights, folder: Path, seed: int) -> tuple[float, Weights]:
    """Train one iteration at learning rate 0.

    Parameters
    ----------
    folder : from which the data layers' paths are seen.

    Returns
    -------
    The loss of the first batch, and all weights after the iteration.
    """
    param = SolverParameter(
        net_param=net, base_lr=0, lr_policy="fixed", max_iter=1, random_seed=seed, snapshot_after_train=False
    )
    with chdir(folder):
        solver = Solver(param, device="cpu")
        solver.network.load(weights)
        loss = next(iter(solver.steps(1)))
    return float(loss), solver.network.weights()


def first_batch(net: NetParameter, folder: Path, seed: int) -> dict[str, dict[str, np.ndarray]]:
    """What the data layers of a training net deliver first, by the names of layer and blob.

    Parameters
    ----------
    folder : from which the data layers' paths are seen.
    """
    with chdir(folder):
        network = Network(net, "TRAIN", seed=seed)
        sources = [node for node in network.graph.layers if not node.bottoms and node.type != "Parameter"]
        values = network.run(network.zeros(), keep=[top for node in sources for top in node.tops])
    return {node.name: {top.blob: values[top].numpy() for top in node.tops} for node in sources}


def gradients(net: NetParameter, weights: Weights, seed: int) -> tuple[Weights, frozenset[str]]:
    """Gradients of all parameters on the first batch of a training net.

    Returns
    -------
    As `in_layers` gives them; and the layers that learn, and that no gradient can reach from a loss.
    """
    network = Network(net, "TRAIN", weights=weights, seed=seed)
    loss = network.loss(network.run())
    if loss.requires_grad:
        loss.backward()
    found = [(entry.parameter, entry.parameter.grad) for entry in network.learnable]
    cut = frozenset(
        entry.layer for entry in network.learnable if entry.parameter.requires_grad and entry.parameter.grad is None
    )
    arrays = [np.zeros(p.shape, np.float32) if grad is None else grad.numpy() for p, grad in found]
    return _in_layers(network, arrays), cut


def in_layers(net: NetParameter, arrays: Sequence[np.ndarray], seed: int) -> Weights:
    """Gradients in the order of a solver's history, by the layers of a training net; NaN where nothing learns."""
    return _in_layers(Network(net, "TRAIN", seed=seed), arrays)


def _in_layers(network: Network, arrays: Sequence[np.ndarray]) -> Weights:
    of_parameter = {
        id(entry.parameter): np.asarray(array).reshape(entry.parameter.shape)
        if entry.parameter.requires_grad
        else np.full(entry.parameter.shape, np.nan, np.float32)
        for entry, array in zip(network.learnable, arrays, strict=True)
    }
    return {name: [of_parameter[id(each)] for each in parameters] for name, parameters in network.params.items()}


def rate_in_history(type: str) -> bool:
    """Whether a solver type's history holds steps already multiplied by the rate (SGD's and Nesterov's velocity).

    Such a blob goes on moving when its rate becomes 0, until the momentum has died away.
    """
    return RULES.find(type, "the solver").rate_in_history
