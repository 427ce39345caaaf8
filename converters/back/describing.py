"""The loop that describes a net's layers one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import converters.back.layers  # noqa: F401 - registers the descriptions
from converters.back.emitter import Emitter
from converters.back.registry import DESCRIPTIONS
from converters.back.source_layer import SourceLayer
from converters.back.source_net import SourceNet
from converters.errors import ConversionError
from prototxt.net.graph import Value

V = TypeVar("V")


def describe(
    source: SourceNet, emit: Emitter[V], values: dict[Value, V], write: Callable[[SourceLayer, Value, V], V]
) -> dict[Value, V]:
    """Describe every layer to an emitter.

    Parameters
    ----------
    values : those of the inputs.
    write : called with each layer, a top of it that is wanted, and what it is; gives what readers of the top get.

    Returns
    -------
    Every value.

    Raises
    ------
    ConversionError : for layer types that nobody has described; names all of them.
    """
    unknown = [f"{layer.name!r} ({layer.type})" for layer in source.layers if layer.type not in DESCRIPTIONS]
    if unknown:
        raise ConversionError(
            f"these layers cannot be converted: {', '.join(unknown)}; known types: {', '.join(sorted(DESCRIPTIONS))}"
        )
    together = {layer.scale.node for layer in source.layers if layer.scale is not None}
    for layer in source.layers:
        bottoms = [values[value] for value in layer.node.bottoms]
        if layer.node in together:  # has been computed with the BatchNorm before it
            values[layer.node.tops[0]] = write(layer, layer.node.tops[0], bottoms[0])
            continue
        emit.layer = layer
        tops = DESCRIPTIONS[layer.type](layer, emit, bottoms)
        for value, top, wanted in zip(layer.node.tops, tops, layer.wanted, strict=True):
            if wanted and layer.scale is not None:
                values[value] = top
            elif wanted:
                values[value] = write(layer, value, top)
    return values
