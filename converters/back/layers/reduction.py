"""Several numbers to one: Reduction, ArgMax."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from converters.back.emitter import Emitter
from converters.back.registry import describes
from converters.back.source_layer import SourceLayer
from prototxt.formats.schema import ReductionParameter


@describes("Reduction")
def reduction(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Sum, sum of magnitudes, of squares, or mean over all axes from ``axis`` on, times ``coeff``."""
    (x,), param = bottoms, layer.param.reduction_param
    if param.operation == ReductionParameter.ASUM:
        x = emit.unary("abs", x)
    elif param.operation == ReductionParameter.SUMSQ:
        x = emit.multiply(x, x)
    kind = "mean" if param.operation == ReductionParameter.MEAN else "sum"
    top = emit.reduce(kind, x, range(layer.axis(param.axis), len(layer.shape)), keep=False)
    return [top if param.coeff == 1 else emit.multiply(top, param.coeff)]


@describes("ArgMax")
def arg_max(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Places (or values) of the ``top_k`` largest along ``axis``; without one in every item, (N, 1 or 2, top_k, …)."""
    (x,), param, shape = bottoms, layer.param.argmax_param, layer.shape
    if param.HasField("axis"):
        axis = layer.axis(param.axis)
        values, places = emit.largest(x, axis, shape[axis], param.top_k)
        return [values if param.out_max_val else places]
    rows = emit.flatten(x, 1, shape) if len(shape) > 2 else x if len(shape) == 2 else emit.append_axes(x, 1, 1)
    values, places = emit.largest(rows, 1, prod(shape[1:]), param.top_k)
    parts = [places, values] if param.out_max_val else [places]
    tail = (1,) * (len(layer.top_shapes[0]) - 3)
    parts = [emit.reshape(part, (0, 1, param.top_k, *tail)) for part in parts]
    return [emit.concatenate(parts, 1) if len(parts) > 1 else parts[0]]
