"""Inputs that a net is verified with: noise where any number goes, indices and marks where only those go."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from converters.back.source_layer import Shape
from converters.back.source_net import SourceNet
from converters.example_inputs import example_inputs
from prototxt.net.graph import Node, Value

Inputs = dict[Value, np.ndarray]
_MOVERS = frozenset({"Concat", "Flatten", "Reshape", "Slice", "Split", "Tile"})
"""Layers whose tops hold the numbers of their bottoms."""


def example_batches(source: SourceNet, batch: int | None, count: int = 2) -> list[Inputs]:
    """Give some inputs of a net.

    Parameters
    ----------
    batch : length of the first axis, where it is free; None for the prototxt's.
    """
    batches: list[Inputs] = [{} for _ in range(count)]
    for value, shape in source.inputs.items():
        if batch is not None and source.varies(value):
            shape = (batch, *shape[1:])
        fit = _fitting(source, value, shape)
        for inputs, noise in zip(
            batches, example_inputs(shape) if shape else [np.zeros((), np.float32)] * 4, strict=False
        ):
            inputs[value] = fit(noise).astype(np.float32)
    return batches


def _fitting(source: SourceNet, value: Value, shape: Shape) -> Callable[[np.ndarray], np.ndarray]:
    """What makes numbers that the readers of an input take of noise in [-2, 2]."""
    for node in source.graph.consumers(value):
        place = node.bottoms.index(value)
        if node.type in _MOVERS:
            return _fitting(source, node.tops[0], shape)
        if (node.type, place) in _LIMITS:
            limit = _LIMITS[node.type, place](source, node)
            return lambda noise: np.floor((noise / 4 + 0.5) * limit).clip(0, limit - 1)
    return lambda noise: noise


_LIMITS: dict[tuple[str, int], Callable[[SourceNet, Node], int]] = {
    ("Embed", 0): lambda source, node: node.layer.embed_param.input_dim,
    ("BatchReindex", 1): lambda source, node: source.shapes.values[node.bottoms[0]][0],
    ("Filter", 1): lambda source, node: 2,
    ("LSTM", 1): lambda source, node: 2,
    ("RNN", 1): lambda source, node: 2,
    ("LSTMUnit", 2): lambda source, node: 2,
}
"""How many whole numbers from 0 on a bottom may hold, by layer type and place."""
