"""Values brought to mean 0 and variance 1 over a block of axes, with PyTorch's epsilon under the root.

Caffe's MVN adds its epsilon to the deviation, which is another value; here it only takes the mean away.
"""

from __future__ import annotations

from math import prod

import numpy as np

from converters.call import Call
from converters.compose.layers import channel_matrix, layer, power, product, reshaped, square, tiled, weighted_sum
from converters.layer_spec import Blob


def standardised(call: Call, x: Blob, eps: float, centre: bool = True) -> Blob:
    """``(x - mean) / sqrt(variance + eps)`` of each map of ``x`` (N, C, H, W); without the mean if not ``centre``."""
    centred = layer(call, "MVN", x, "centred", mvn_param={"normalize_variance": False}) if centre else x
    squares = square(call, centred)
    variance = layer(
        call, "Reduction", squares, "variance", x.shape[:2], reduction_param={"operation": "MEAN", "axis": 2}
    )
    factor = power(call, variance, "factor", shift=eps, power=-0.5)
    return layer(call, "Scale", (centred, factor), "standardised", scale_param={"axis": 0})


def standardised_tail(call: Call, x: Blob, first: int, eps: float, centre: bool = True) -> Blob:
    """The same over the axes from ``first`` on."""
    columns = reshaped(call, x, (x.shape[0], prod(x.shape[1:first]), prod(x.shape[first:]), 1), "columns")
    return reshaped(call, standardised(call, columns, eps, centre), x.shape, "standardised_shape")


def standardised_channels(call: Call, x: Blob, eps: float, centre: bool = True) -> Blob:
    """The same over the channels of each pixel of ``x`` (N, C, H, W)."""
    channels = x.shape[1]
    average = np.full((1, channels), 1 / channels)
    if centre:
        mean = tiled(call, channel_matrix(call, x, average, "mean"), 1, channels)
        x = weighted_sum(call, (x, mean), (1.0, -1.0), "centred")
    variance = channel_matrix(call, square(call, x), average, "variance")
    factor = power(call, variance, "factor", shift=eps, power=-0.5)
    return product(call, x, tiled(call, factor, 1, channels), part="standardised")


def affine(call: Call, x: Blob, weight: np.ndarray | None, bias: np.ndarray | None, axis: int) -> Blob:
    """``weight * x + bias`` over consecutive axes from ``axis`` on; either may be absent."""
    some = weight if weight is not None else bias
    if some is None:
        return x
    where = {**({} if axis == 1 else {"axis": axis}), **({} if some.ndim == 1 else {"num_axes": some.ndim})}
    if weight is None:
        return layer(call, "Bias", x, "bias", blobs=[some], bias_param=where)
    blobs = [weight] if bias is None else [weight, bias]
    return layer(
        call, "Scale", x, "scale", blobs=blobs, scale_param={**where, **({} if bias is None else {"bias_term": True})}
    )


def by_groups(call: Call, x: Blob, groups: int, eps: float) -> Blob:
    """`standardised` over each group of channels of ``x`` (N, C, ...)."""
    shape = (x.shape[0], groups, prod(x.shape[1:]) // groups, 1)
    if groups == x.shape[1] and len(x.shape) == 4:
        return standardised(call, x, eps)
    grouped = reshaped(call, x, shape, "grouped")
    return reshaped(call, standardised(call, grouped, eps), x.shape, "ungrouped")
