"""RNN and LSTM over the time steps of a batch, and LSTMUnit, one step of the latter.

Sources: ``recurrent_layer.cpp``, ``rnn_layer.cpp``, ``lstm_layer.cpp`` and ``lstm_unit_layer.cpp``, after Donahue et
al. 2015. Time is axis 0, the independent streams are axis 1.
"""

from __future__ import annotations

import logging
import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from torchcaffe.layer import Layer, Shape
from torchcaffe.registry import layer

log = logging.getLogger(__name__)


class Recurrent(Layer):
    """A layer with a hidden state that goes from step to step, and from the last step of a batch to the next batch.

    Bottoms are x (T, N, …), cont (T, N), which multiplies the state before every step (0 begins a sequence, 1 goes on),
    optionally x_static (N, …), and with ``expose_hidden`` the state before the first step. Tops are (T, N, num_output)
    and with ``expose_hidden`` the state after the last step. Gradients stay within the batch: exposed states have none.
    Any T and N may follow each other; Caffe refuses another T.
    """

    bottoms = (2, 5)
    tops = (1, 3)
    states: ClassVar[int]
    """Blobs (1, N, num_output) of the hidden state."""
    gates: ClassVar[int]
    """Rows of the weights for each unit."""

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Add weights of x, their bias, weights of x_static, and those of the hidden state."""
        param = self.param.recurrent_param
        if not param.num_output:
            raise ValueError("recurrent_param needs num_output > 0")
        if param.debug_info:
            log.warning("layer %r: debug_info has no effect in torchcaffe", self.name)
        self.units = param.num_output
        self.exposed = param.expose_hidden
        self.static = len(bottom_shapes) > 2 + self.states * self.exposed
        rows = self.gates * self.units
        self.add_blob((rows, math.prod(bottom_shapes[0][2:])), param.weight_filler)
        self.add_blob((rows,), param.bias_filler)
        if self.static:
            self.add_blob((rows, math.prod(bottom_shapes[2][1:])), param.weight_filler)
        self.recurrent_blob = len(self.blobs)
        self.add_blob((rows, self.units), param.weight_filler)
        self.reset_state()

    def reset_state(self) -> None:
        """Forget the hidden state: the next batch begins with zeros."""
        self._memory = [torch.zeros(0) for _ in range(self.states)]

    def run_state(self) -> dict[str, np.ndarray]:
        """The hidden state."""
        memory = {f"memory{index}": each.detach().cpu().numpy() for index, each in enumerate(self._memory)}
        return super().run_state() | memory

    def restore_run_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on with a hidden state."""
        super().restore_run_state(state)
        self._memory = [torch.from_numpy(np.array(state[f"memory{index}"])) for index in range(self.states)]

    def cuts_gradient(self, place: int, force_backward: bool = False) -> bool:
        """Whether no gradient flows into a bottom: only x and x_static get one."""
        return place not in ((0, 2) if self.static else (0,)) or super().cuts_gradient(place, force_backward)

    def forward(self, x: Tensor, cont: Tensor, *more: Tensor) -> tuple[Tensor, ...]:
        """(T, N, …), (T, N), and what else there is → (T, N, units) and, exposed, states (1, N, units)."""
        if x.shape[:2] != cont.shape:
            raise ValueError(f"needs x (T, N, …) and cont (T, N); got {tuple(x.shape)} and {tuple(cont.shape)}")
        inputs = F.linear(x.flatten(2), self.blob(0), self.blob(1))
        if self.static:
            inputs = inputs + F.linear(more[0].flatten(1), self.blob(2))
        states = tuple(blob[0] for blob in more[self.static :]) if self.exposed else self._recall(x)
        hidden = []
        for step_inputs, step_cont in zip(inputs, cont.unsqueeze(-1), strict=True):
            gates = step_inputs + F.linear(states[0] * step_cont, self.blob(self.recurrent_blob))
            states = self.step(gates, step_cont, states)
            hidden.append(states[0])
        top = self.output(torch.stack(hidden))
        if self.exposed:
            return (top, *(state.detach().unsqueeze(0) for state in states))
        self._remember(states)
        return (top,)

    @abstractmethod
    def step(self, gates: Tensor, cont: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """One step: (N, rows), (N, 1), states (N, units) → the next states, the visible one first."""

    def output(self, hidden: Tensor) -> Tensor:
        """(T, N, units) of visible states → the top."""
        return hidden

    def _recall(self, x: Tensor) -> tuple[Tensor, ...]:
        """The state that the last batch left, zeros before the first one.

        A batch of fewer streams takes the first numbers, one of more than there were yet begins with zeros: what
        happens to a blob of Caffe that is reshaped.
        """
        count = x.shape[1] * self.units
        with torch.inference_mode(False):  # so that training may go on with it
            if count > self._memory[0].numel():
                self._memory = [torch.zeros(count) for _ in self._memory]
            self._memory = [memory.to(x.device, x.dtype) for memory in self._memory]
        return tuple(memory[:count].clone().view(-1, self.units) for memory in self._memory)

    def _remember(self, states: tuple[Tensor, ...]) -> None:
        with torch.inference_mode(False), torch.no_grad():
            for memory, state in zip(self._memory, states, strict=True):
                memory[: state.numel()] = state.detach().flatten()


@layer("RNN")
class RNN(Recurrent):
    """``h = tanh(W_hh·cont·h' + W_xh·x + b_h)``, top ``tanh(W_ho·h + b_o)``."""

    bottoms = (2, 4)
    tops = (1, 2)
    states = 1
    gates = 1

    def setup(self, bottom_shapes: list[Shape]) -> None:
        """Add W_xh, b_h, perhaps W_xh_static, W_hh, and then W_ho and b_o."""
        super().setup(bottom_shapes)
        param = self.param.recurrent_param
        self.add_blob((self.units, self.units), param.weight_filler)
        self.add_blob((self.units,), param.bias_filler)

    def step(self, gates: Tensor, cont: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """(N, units), (N, 1), h → h."""
        return (gates.tanh(),)

    def output(self, hidden: Tensor) -> Tensor:
        """(T, N, units) → the same."""
        return F.linear(hidden, self.blob(-2 % len(self.blobs)), self.blob(-1 % len(self.blobs))).tanh()


@layer("LSTM")
class LSTM(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997), gates as in Zaremba and Sutskever 2014.

    Blobs are W_xc (4·units, inputs), b_c, perhaps W_xc_static, and W_hc; their rows are the gates i, f, o, g.
    """

    states = 2
    gates = 4

    def step(self, gates: Tensor, cont: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """(N, 4·units), (N, 1), (h, c) → (h, c)."""
        cell, hidden = lstm_unit(states[1], gates, cont)
        return hidden, cell


@layer("LSTMUnit")
class LSTMUnit(Layer):
    """The non-linear part of one step of an LSTM."""

    bottoms = (3, 3)
    tops = (2, 2)
    differentiable = (0, 1)

    def forward(self, cell: Tensor, gates: Tensor, cont: Tensor) -> tuple[Tensor, ...]:
        """Cells (1, N, units), gates (1, N, 4·units), cont (1, N) → cells and hidden states (1, N, units)."""
        return lstm_unit(cell, gates, cont.unsqueeze(-1))


def lstm_unit(cell: Tensor, gates: Tensor, cont: Tensor) -> tuple[Tensor, Tensor]:
    """Compute ``c = cont·σ(f)·c' + σ(i)·tanh(g)`` and ``h = σ(o)·tanh(c)``.

    Parameters
    ----------
    cell : (..., units), c'.
    gates : (..., 4·units): i, f, o, g.
    cont : (..., 1).

    Returns
    -------
    c and h, (..., units).
    """
    i, f, o, g = gates.chunk(4, dim=-1)
    forget: Tensor = _Forget.apply(f, cont)
    cell = forget * cell + i.sigmoid() * g.tanh()
    return cell, o.sigmoid() * cell.tanh()


class _Forget(torch.autograd.Function):
    """``f = cont·σ(x)`` with the gradient ``f·(1 - f)``: Caffe's, and the true one where cont is 0 or 1."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, cont: Tensor) -> Tensor:
        return x.sigmoid() * cont

    @staticmethod
    def setup_context(context: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        context.save_for_backward(output)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (forget,) = context.saved_tensors
        return gradient * forget * (1 - forget), None
