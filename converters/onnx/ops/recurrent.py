"""Recurrent layers, whose gates PyTorch has in another order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from converters.errors import RefusedError
from converters.onnx.node import Node
from converters.onnx.registry import translates


@dataclass(frozen=True)
class Kind:
    """A recurrent layer.

    Parameters
    ----------
    compute : PyTorch's function.
    gates : ONNX's gate for each of PyTorch's.
    activations : the only ones that PyTorch computes, for one direction.
    """

    compute: Callable[..., Any]
    gates: tuple[int, ...]
    activations: tuple[str, ...]


LSTM = Kind(torch.lstm, (0, 2, 3, 1), ("Sigmoid", "Tanh", "Tanh"))
GRU = Kind(torch.gru, (1, 0, 2), ("Sigmoid", "Tanh"))
RNN = {"Tanh": Kind(torch.rnn_tanh, (0,), ("Tanh",)), "Relu": Kind(torch.rnn_relu, (0,), ("Relu",))}


@translates("LSTM", gives="lstm transpose view flip zeros")
def lstm(node: Node) -> list[Tensor]:
    """Long short-term memory: gates i, o, f, c here, i, f, g, o in PyTorch."""
    if node.attribute("input_forget", 0) or node.has(7):
        raise RefusedError("with peepholes or coupled gates; only the plain LSTM can be converted")
    return _recurrent(node, LSTM, states=2)


@translates("GRU", gives="gru transpose view flip zeros")
def gru(node: Node) -> list[Tensor]:
    """Gated recurrent unit: gates z, r, h here, r, z, n in PyTorch, which resets after the product."""
    if not node.attribute("linear_before_reset", 0):
        raise RefusedError("linear_before_reset 0; PyTorch's GRU resets after the product, export it with 1")
    return _recurrent(node, GRU, states=1)


@translates("RNN", gives="rnn_tanh rnn_relu transpose view flip zeros")
def rnn(node: Node) -> list[Tensor]:
    """A plain recurrent layer, with tanh or ReLU."""
    first = next(iter(node.attribute("activations", ["Tanh"])))
    if first not in RNN:
        raise RefusedError(f"activation {first!r}; only Tanh and Relu can be converted")
    return _recurrent(node, RNN[first], states=1)


def _recurrent(node: Node, kind: Kind, states: int) -> list[Tensor]:
    """Outputs of all steps (T, directions, N, H), and the last states."""
    _check(node, kind)
    x = node[0].transpose(0, 1) if node.attribute("layout", 0) else node[0]
    directions, hidden = node[1].shape[0], node[2].shape[2]
    start = [_state(node, index, directions, x.shape[1], hidden) for index in (5, 6)[:states]]
    weights = [part for direction in range(directions) for part in _weights(node, kind, direction, hidden)]
    if node.attribute("direction", "forward") == "reverse":
        x = x.flip(0)
    found = kind.compute(x, start if states == 2 else start[0], weights, True, 1, 0.0, False, directions == 2, False)
    steps, last = found[0], list(found[1:])
    if node.attribute("direction", "forward") == "reverse":
        steps = steps.flip(0)
    steps = steps.reshape(*steps.shape[:2], directions, hidden).transpose(1, 2)
    if node.attribute("layout", 0):
        return [steps.permute(2, 0, 1, 3), *(state.transpose(0, 1) for state in last)]
    return [steps, *last]


def _check(node: Node, kind: Kind) -> None:
    """Refuse what PyTorch's layers cannot do."""
    if node.attribute("clip", None) is not None:
        raise RefusedError("with clip, which PyTorch's layers have not")
    given = node.attribute("activations", None)
    if given is not None and tuple(given) != kind.activations * (len(given) // len(kind.activations)):
        raise RefusedError(f"activations {', '.join(given)}; only {', '.join(kind.activations)} can be converted")
    steps = node[0].shape[1 if node.attribute("layout", 0) else 0]
    if node.has(4) and any(node.constant(4, "sequence_lens") != steps):
        raise RefusedError("sequences of different lengths; export it for one length")


def _weights(node: Node, kind: Kind, direction: int, hidden: int) -> Sequence[Tensor]:
    """Weights of input and state, and both biases, of one direction, with the gates in PyTorch's order."""
    gates = len(kind.gates)
    bias = node.get(3)
    both = torch.zeros(2 * gates * hidden, device=node[1].device) if bias is None else bias[direction]
    parts = [node[1][direction], node[2][direction], both[: gates * hidden], both[gates * hidden :]]
    return [torch.cat([part[gate * hidden : (gate + 1) * hidden] for gate in kind.gates]) for part in parts]


def _state(node: Node, index: int, directions: int, batch: int, hidden: int) -> Tensor:
    """The state at the beginning, 0 where it is not given."""
    zero = node.is_constant(index) and not node.constant(index, "state").any()
    given = None if zero else node.get(index)
    if given is None:  # for any batch, whereas a file holds the states of one
        return torch.zeros(directions, batch, hidden, device=node[0].device)
    return given.transpose(0, 1) if node.attribute("layout", 0) else given
