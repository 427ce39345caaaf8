"""InnerProduct, Embed and Parameter: weights as matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from converters.back.emitter import Emitter
from converters.back.registry import describes
from converters.back.source_layer import SourceLayer


@describes("InnerProduct")
def inner_product(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Everything from ``axis`` on is one vector."""
    (x,), param = bottoms, layer.param.inner_product_param
    axis = layer.axis(param.axis)
    weight, *bias = layer.blobs
    if param.transpose:
        weight = np.ascontiguousarray(weight.T)
    if axis != len(layer.shape) - 1:
        x = emit.flatten(x, axis, layer.shape)
    return [emit.linear(x, weight, bias[0] if bias else None, axis + 1)]


@describes("Embed")
def embed(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """A row of the weights for every index."""
    rows = emit.embedding(bottoms[0], layer.blobs[0])
    if layer.param.embed_param.bias_term:
        rows = emit.add(rows, emit.parameter("bias", layer.blobs[1], 1))
    return [rows]


@describes("Parameter")
def parameter(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """A learned blob."""
    return [emit.parameter("value", layer.blobs[0], 0)]
