"""Recurrent layers over whole sequences: LSTM, and RNN with tanh.

Caffe's want the time first, and a second bottom "cont" (steps, batch) that is 0 where a sequence begins: there the
state of the batch before is forgotten. Sources: ``lstm_layer.cpp``, ``rnn_layer.cpp``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from converters.call import Call, Result
from converters.compose.reshaping import reshape
from converters.errors import RefusedError
from converters.layer_spec import Blob
from converters.ops.concat import concat
from converters.ops.permute import exchange_with_batch
from converters.ops.slice import gather, take
from converters.registry import converts

Parameters = Sequence[np.ndarray]
Direction = Callable[[Call, Blob, Blob, Parameters], Blob]

OUTPUT_SCALE = 2.0**-12
"""Caffe's RNN gives tanh(W h + b) of its state h; for W of this much, that over it is h but for 2e-8 of h."""


@converts("aten.lstm.input", status="trick")
def convert_lstm(call: Call) -> Result:
    """LSTM for every layer and direction, with the time moved in front."""
    return _recurrent(call, call["hx"], _lstm)


@converts("aten.rnn_tanh.input", status="approximation", error="relative 2e-8")
def convert_rnn(call: Call) -> Result:
    """RNN for every layer and direction; what it makes of its state is so small that tanh leaves it as it is."""
    return _recurrent(call, [call["hx"]], _rnn)


def _recurrent(call: Call, states: Sequence[object], direction: Direction) -> Result:
    """Every layer with its directions; results are all steps of the last layer, and the last step of every one."""
    if not all(isinstance(state, np.ndarray) and not state.any() for state in states):
        raise RefusedError("with a first state that is not zero")
    if not set(call.wanted) <= {0, 1}:
        raise RefusedError("the last states of its cells are read, which Caffe keeps to itself")
    x = call.blob("input", axes=3)
    steps = exchange_with_batch(call, x, 0) if call["batch_first"] else x
    cont = _cont(call, steps)
    found = _by_direction(call)
    last: list[Blob] = []
    for number, layer in enumerate(found, 1):
        outputs = [direction(call, steps, cont, layer[0])]
        if call["bidirectional"]:
            outputs.append(direction(call, _reversed(call, steps), cont, layer[1]))
        if 1 in call.wanted:
            last += [take(call, output, 0, output.shape[0] - 1, output.shape[0]) for output in outputs]
        if number < len(found) or 0 in call.wanted:
            steps = concat(call, [outputs[0], *(_reversed(call, output) for output in outputs[1:])], 2)
        if number < len(found) and call["dropout"]:
            ratio = {"dropout_ratio": call["dropout"]}
            steps = call.step("Dropout", steps, "dropout", steps.shape, dropout_param=ratio)
    if 0 not in call.wanted:
        return x, concat(call, last, 0)  # nobody reads the first
    every = exchange_with_batch(call, steps, 1) if call["batch_first"] else steps
    return (every, concat(call, last, 0)) if 1 in call.wanted else (every,)


def _lstm(call: Call, steps: Blob, cont: Blob, parameters: Parameters) -> Blob:
    """One direction; PyTorch's rows are the gates i, f, g, o, Caffe's i, f, o, g."""
    inputs, states, bias = parameters
    blobs = [_gates_in_caffes_order(array) for array in (inputs, bias, states)]
    units = states.shape[1]
    return _layer(call, "LSTM", steps, cont, blobs, units)


def _rnn(call: Call, steps: Blob, cont: Blob, parameters: Parameters) -> Blob:
    """One direction."""
    inputs, states, bias = parameters
    units = states.shape[1]
    small = _layer(
        call, "RNN", steps, cont, [inputs, bias, states, OUTPUT_SCALE * np.eye(units), np.zeros(units)], units
    )
    learned = call.layers[-1].frozen or (False,) * 3
    call.layers[-1] = replace(call.layers[-1], frozen=(*learned[:3], True, True))
    return call.step("Power", small, "state", small.shape, power_param={"scale": 1 / OUTPUT_SCALE})


def _layer(call: Call, type: str, steps: Blob, cont: Blob, blobs: Sequence[np.ndarray], units: int) -> Blob:
    filler = {"weight_filler": {"type": "uniform", "min": -0.08, "max": 0.08}}
    top = call.layer(type, (steps, cont), type.lower(), blobs=blobs, recurrent_param={"num_output": units, **filler})
    return Blob(top, (*steps.shape[:2], units))


def _gates_in_caffes_order(array: np.ndarray) -> np.ndarray:
    i, f, g, o = np.split(array, 4)
    return np.concatenate([i, f, o, g])


def _by_direction(call: Call) -> list[list[Parameters]]:
    """(weights of the input, weights of the state, sum of both biases) of every direction of every layer."""
    directions, size = 1 + call["bidirectional"], 4 if call["has_biases"] else 2
    parameters = call["params"]
    if len(parameters) != call["num_layers"] * directions * size:
        raise RefusedError("with a projection of its state (proj_size), which Caffe's does not have")
    groups: list[Parameters] = []
    for first in range(0, len(parameters), size):
        inputs, states, *biases = parameters[first : first + size]
        groups.append((inputs, states, sum(biases) if biases else np.zeros(len(inputs), np.float32)))
    return [groups[first : first + directions] for first in range(0, len(groups), directions)]


def _cont(call: Call, steps: Blob) -> Blob:
    """Append what makes (steps, batch) of zeros for the first step and ones for all others, whatever the batch."""
    length, batch, *_ = steps.shape
    sums = call.step("Reduction", steps, "sums", (length, batch), propagates=False, reduction_param={"axis": 2})
    ones = call.step("Power", sums, "ones", (length, batch), power_param={"scale": 0.0, "shift": 1.0})
    goes_on = np.arange(length) > 0
    return call.step("Scale", ones, "cont", (length, batch), [goes_on], scale_param={"axis": 0, "num_axes": 1})


def _reversed(call: Call, steps: Blob) -> Blob:
    """Append what turns the steps round."""
    length = steps.shape[0]
    leading = reshape(call, steps, (1, *steps.shape))
    return reshape(call, gather(call, leading, 1, list(range(length))[::-1]), steps.shape)
