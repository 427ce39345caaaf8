"""Normalisation: BatchNorm, LRN, MVN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from converters.back.emitter import Emitter
from converters.back.registry import describes
from converters.back.source_layer import SourceLayer
from converters.back.windows import Pool
from prototxt.formats.schema import LRNParameter


@describes("BatchNorm")
def batch_norm(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """By stored statistics (sums, to be divided by the third blob; 0 where that is 0), or by the batch's own."""
    (x,), param = bottoms, layer.param.batch_norm_param
    if len(layer.shape) < 2:
        x = emit.reshape(x, (-1, 1))
    if param.HasField("use_global_stats") and not param.use_global_stats:
        top = _by_batch(layer, emit, x, param.eps)
    else:
        mean, variance, divisor = layer.blobs
        factor = np.float32(1 / divisor[0] if divisor[0] else 0)
        affine = _affine_of(layer.scale) if layer.scale is not None else None
        top = emit.batch_norm(x, mean * factor, variance * factor, param.eps, affine)
    return [top if len(layer.shape) > 1 else emit.reshape(top, (-1,))]


def _affine_of(scale: SourceLayer) -> tuple[np.ndarray, np.ndarray]:
    factor = scale.blobs[0]
    return factor, scale.blobs[1] if len(scale.blobs) > 1 else np.zeros_like(factor)


def _by_batch(layer: SourceLayer, emit: Emitter[Any], x: Any, eps: float) -> Any:
    axes = [0, *range(2, max(2, len(layer.shape)))]
    centred = emit.keep(emit.subtract(x, emit.reduce("mean", x, axes, keep=True)), "centred")
    variance = emit.reduce("mean", emit.multiply(centred, centred), axes, keep=True)
    return emit.divide(centred, emit.unary("sqrt", emit.add(emit.keep(variance, "variance"), eps)))


@describes("LRN")
def local_response(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """``x / (k + alpha / n · Σ x²) ** beta`` over n channels, or (WITHIN_CHANNEL, k always 1) over n x n pixels."""
    (x,), param = bottoms, layer.param.lrn_param
    size, alpha, beta = param.local_size, param.alpha, param.beta
    if param.norm_region == LRNParameter.ACROSS_CHANNELS:
        return [emit.local_response(x, size, alpha, beta, param.k)]
    height, width = layer.shape[2:]
    pool = Pool((size, size), (1, 1), (size // 2, size // 2), (height, width), (height, width), ceil=False)
    mean = emit.keep(emit.average_pool(emit.keep(emit.multiply(x, x), "squares"), pool), "mean")
    return [emit.multiply(x, emit.power(emit.add(emit.multiply(mean, alpha), 1.0), -beta))]


@describes("MVN")
def mean_variance(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Every map (or with ``across_channels`` every item) to mean 0 and, unless switched off, deviation 1."""
    (x,), param = bottoms, layer.param.mvn_param
    axes = range(1 if param.across_channels else 2, len(layer.shape))
    if not axes:  # maps of one number
        top = emit.subtract(x, x)
    else:
        top = emit.keep(emit.subtract(x, emit.reduce("mean", x, axes, keep=True)), "centred")
        if param.normalize_variance:
            variance = emit.keep(emit.reduce("mean", emit.multiply(top, top), axes, keep=True), "variance")
            top = emit.divide(top, emit.add(emit.unary("sqrt", variance), param.eps))
    return [emit.append_axes(top, len(layer.shape), 4 - len(layer.shape)) if len(layer.shape) < 4 else top]
