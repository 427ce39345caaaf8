"""Pooling and SPP by Caffe's rules for sizes, borders and divisors (``pooling_layer.cpp``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from converters.back.emitter import Emitter
from converters.back.registry import describes
from converters.back.source_layer import SourceLayer
from converters.back.windows import Pool
from prototxt.formats.schema import PoolingParameter, SPPParameter

SMALLEST_FLOAT = float(np.finfo(np.float32).tiny)


@describes("Pooling")
def pooling(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """MAX (with the places of the maxima as a second top), AVE, or what STOCHASTIC does in TEST."""
    param, (x,) = layer.param.pooling_param, bottoms
    if len(layer.top_shapes) > 1 and layer.wanted[1]:
        return emit.max_pool_places(x, Pool.of(layer))
    if param.global_pooling and param.pool != PoolingParameter.STOCHASTIC:
        tops = [emit.global_pool(x, param.pool == PoolingParameter.MAX)]
    elif param.pool == PoolingParameter.MAX:
        tops = [emit.max_pool(x, Pool.of(layer))]
    elif param.pool == PoolingParameter.AVE:
        tops = [emit.average_pool(x, Pool.of(layer))]
    else:
        tops = [_expectation(emit, x, Pool.of(layer))]
    return [*tops, None][: len(layer.top_shapes)]


def _expectation(emit: Emitter[Any], x: Any, pool: Pool) -> Any:
    """Zeiler and Fergus 2013: every value weighted by itself, ``Σ x² / Σ x``, 0 where all are 0."""
    squares = emit.keep(emit.average_pool(emit.multiply(x, x), pool), "squares")
    mean = emit.keep(emit.average_pool(x, pool), "mean")
    return emit.divide(squares, emit.keep(emit.add(mean, SMALLEST_FLOAT), "sum"))


@describes("SPP")
def spatial_pyramid(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """He et al. 2014: pooled into 1, 2 x 2, 4 x 4 ... windows, one behind the other."""
    param, (x,) = layer.param.spp_param, bottoms
    pool = emit.max_pool if param.pool == SPPParameter.MAX else emit.average_pool
    batch, channels, height, width = layer.shape
    levels = []
    for level in range(param.pyramid_height):
        bins = Pool.of_bins(height, width, 2**level)
        pooled = emit.keep(pool(x, bins), f"level{level}")
        levels.append(pooled)
    if len(levels) == 1:
        return levels
    rows = [emit.flatten(pooled, 1, (batch, channels, 2**level, 2**level)) for level, pooled in enumerate(levels)]
    return [emit.concatenate(rows, 1)]
