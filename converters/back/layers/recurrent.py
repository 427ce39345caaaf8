"""LSTM, RNN and LSTMUnit; time is axis 0, the independent streams are axis 1 (``recurrent_layer.cpp``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from converters.back.emitter import Emitter
from converters.back.registry import describes
from converters.back.source_layer import SourceLayer


@describes("LSTM")
def lstm(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Gates i, f, o, g; the state begins with zeros, or comes and goes with ``expose_hidden``."""
    return _run(layer, emit, bottoms, "lstm")


@describes("RNN")
def rnn(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """``h = tanh(W_hh·cont·h' + W_xh·x + b_h)``, top ``tanh(W_ho·h + b_o)``."""
    hidden, *states = _run(layer, emit, bottoms, "rnn")
    top = emit.linear(hidden, layer.blobs[-2], layer.blobs[-1], 3, "output")
    return [emit.unary("tanh", top), *states]


def _run(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any], kind: str) -> list[Any]:
    x, cont, *more = bottoms
    exposed = layer.param.recurrent_param.expose_hidden
    static = len(more) > (len(layer.top_shapes) - 1 if exposed else 0)
    if len(layer.shape) > 3:
        x = emit.flatten(x, 2, layer.shape)
    inputs = emit.linear(x, layer.blobs[0], layer.blobs[1], 3, "input")
    if static:
        rows = more[0] if len(layer.bottom_shapes[2]) == 2 else emit.flatten(more[0], 1, layer.bottom_shapes[2])
        inputs = emit.add(inputs, emit.keep(emit.linear(rows, layer.blobs[2], None, 2, "static"), "static"))
    units = layer.param.recurrent_param.num_output
    states = [emit.reshape(state, (-1, units)) for state in more[static:]] if exposed else []
    weight = layer.blobs[3 if static else 2]
    hidden, last = emit.recurrent(kind, emit.keep(inputs, "inputs"), cont, states, weight, layer.shape[0])
    return [hidden, *(emit.reshape(state, (1, -1, units)) for state in last)] if exposed else [hidden]


@describes("LSTMUnit")
def lstm_unit(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """One step: ``c = cont·σ(f)·c' + σ(i)·tanh(g)``, ``h = σ(o)·tanh(c)``."""
    cell, gates, cont = bottoms
    units = layer.shape[2]
    i, f, o, g = (emit.narrow(gates, 2, place * units, (place + 1) * units) for place in range(4))
    forget = emit.multiply(emit.unary("sigmoid", f), emit.append_axes(cont, 2, 1))
    kept = emit.keep(emit.multiply(forget, cell), "kept")
    new = emit.keep(emit.multiply(emit.unary("sigmoid", i), emit.unary("tanh", g)), "new")
    cell = emit.keep(emit.add(kept, new), "cell")
    return [cell, emit.multiply(emit.unary("sigmoid", o), emit.unary("tanh", cell))]
