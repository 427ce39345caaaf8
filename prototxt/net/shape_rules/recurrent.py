"""RNN, LSTM and LSTMUnit."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from prototxt.common.errors import NetError
from prototxt.net.graph import Node
from prototxt.net.shape_rules.registry import LayerShapes, Shape, shape_rule


@shape_rule("RNN", "LSTM", bottoms=(2, 5), tops=(1, 3))
def recurrent(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow recurrent_layer.cpp, rnn_layer.cpp and lstm_layer.cpp: (time, batch, …) becomes (time, batch, units).

    With ``expose_hidden`` the first and last hidden states (LSTM: and cell states) are bottoms and tops too.
    """
    param = node.layer.recurrent_param
    units, states = param.num_output, 1 if node.type == "RNN" else 2
    shape, cont = bottoms[:2]
    if units < 1 or len(shape) < 3 or shape[:2] != cont:
        raise NetError(f"{node}: needs num_output and bottoms (time, batch, …) and (time, batch); got {list(bottoms)}")
    hidden = states if param.expose_hidden else 0
    static = bottoms[2 : len(bottoms) - hidden]
    if len(bottoms) < 2 + hidden or len(static) > 1 or len(node.tops) != 1 + hidden:
        raise NetError(f"{node}: needs {2 + hidden} or {3 + hidden} bottoms and {1 + hidden} tops")
    state = (1, shape[1], units)
    _check_others(node, shape[1], static, bottoms[len(bottoms) - hidden :], state)
    rows = units if node.type == "RNN" else 4 * units
    params: list[Shape] = [(rows, prod(shape[2:])), (rows,)]
    params += [(rows, prod(other[1:])) for other in static]
    params.append((rows, units))
    if node.type == "RNN":
        params += [(units, units), (units,)]
    return LayerShapes([(*shape[:2], units), *[state] * hidden], params)


def _check_others(node: Node, batch: int, static: Sequence[Shape], hidden: Sequence[Shape], state: Shape) -> None:
    for shape in static:
        if len(shape) < 2 or shape[0] != batch:
            raise NetError(f"{node}: needs a static bottom (batch, …) of batch {batch}; got {shape}")
    for shape in hidden:
        if shape != state:
            raise NetError(f"{node}: needs hidden states (1, batch, num_output) = {state} as bottoms; got {shape}")


@shape_rule("LSTMUnit", bottoms=(3, 3), tops=(2, 2))
def lstm_unit(node: Node, bottoms: Sequence[Shape]) -> LayerShapes:
    """Follow lstm_unit_layer.cpp: cell and hidden state of one step."""
    cell, gates, cont = bottoms
    if len(cell) != 3 or cell[0] != 1 or gates != (1, cell[1], 4 * cell[2]) or cont != cell[:2]:
        raise NetError(
            f"{node}: needs cells (1, batch, units), gates (1, batch, 4*units) and cont (1, batch); got {list(bottoms)}"
        )
    return LayerShapes([cell, cell])
