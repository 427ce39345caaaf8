"""Normalisation over maps, groups of channels and last axes, each picture by itself."""

from __future__ import annotations

import numpy as np

from converters.call import Call, Result
from converters.compose.normalising import affine, by_groups, standardised_channels, standardised_tail
from converters.errors import RefusedError
from converters.ops.batch_norm import by_statistics
from converters.registry import converts


@converts("aten.group_norm.default", status="trick")
def convert_group_norm(call: Call) -> Result:
    """Reshape to groups, MVN (mean alone), Power, Reduction, Power, Scale with the factor, Reshape; then Scale."""
    x = by_groups(call, call.blob("input"), int(call["num_groups"]), float(call["eps"]))
    return affine(call, x, call.constant("weight"), call.constant("bias"), axis=1)


@converts("aten.instance_norm.default", status="trick")
def convert_instance_norm(call: Call) -> Result:
    """As group_norm with a group for each channel; BatchNorm where it has running statistics."""
    if not call["use_input_stats"]:
        return by_statistics(call)
    x = call.blob("input")
    standardised = by_groups(call, x, x.shape[1], float(call["eps"]))
    return affine(call, standardised, call.constant("weight"), call.constant("bias"), axis=1)


@converts("aten.layer_norm.default", status="trick")
def convert_layer_norm(call: Call) -> Result:
    """As group_norm over the last axes."""
    x = call.blob("input")
    first = len(x.shape) - len(call["normalized_shape"])
    _check_batch(first)
    standardised = standardised_tail(call, x, first, float(call["eps"]))
    return affine(call, standardised, call.constant("weight"), call.constant("bias"), axis=first)


@converts("aten.rms_norm.default", status="trick")
def convert_rms_norm(call: Call) -> Result:
    """As layer_norm, without the mean."""
    x = call.blob("input")
    first = len(x.shape) - len(call["normalized_shape"])
    _check_batch(first)
    eps = float(np.finfo(np.float32).eps) if call["eps"] is None else float(call["eps"])
    return affine(call, standardised_tail(call, x, first, eps, centre=False), call.constant("weight"), None, axis=first)


@converts("converters.channel_norm.default", status="trick")
def convert_channel_norm(call: Call) -> Result:
    """LayerNorm over each pixel's channels: 1x1 Convolutions to mean and variance, Tile, Eltwise, Scale."""
    standardised = standardised_channels(call, call.blob("input", axes=4), float(call["eps"]))
    return affine(call, standardised, call.constant("weight"), call.constant("bias"), axis=1)


def _check_batch(first: int) -> None:
    if first == 0:
        raise RefusedError("over all axes, the batch among them")
