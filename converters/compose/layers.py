"""Single layers as functions, and what takes two or three of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from converters.call import Call
from converters.compose.reshaping import reshape
from converters.errors import RefusedError
from converters.layer_spec import Blob


def layer(
    call: Call,
    type: str,
    bottoms: Blob | Sequence[Blob],
    part: str,
    shape: tuple[int, ...] | None = None,
    blobs: Sequence[np.ndarray] = (),
    frozen: bool = False,
    **fields: Mapping[str, Any],
) -> Blob:
    """Append a layer with one top; ``shape`` is by default that of the (first) bottom."""
    first = bottoms if isinstance(bottoms, Blob) else bottoms[0]
    return Blob(call.layer(type, bottoms, part, "", blobs, frozen, **fields), first.shape if shape is None else shape)


def power(
    call: Call, x: Blob, part: str = "power", *, scale: float = 1.0, shift: float = 0.0, power: float = 1.0
) -> Blob:
    """``(shift + scale * x) ** power``; ``x`` itself where that is the same."""
    given = {"power": (power, 1.0), "scale": (scale, 1.0), "shift": (shift, 0.0)}
    param = {name: float(value) for name, (value, default) in given.items() if value != default}
    return layer(call, "Power", x, part, power_param=param) if param else x


def negative(call: Call, x: Blob, part: str = "negative") -> Blob:
    """``-x``."""
    return power(call, x, part, scale=-1.0)


def inverse(call: Call, x: Blob, part: str = "inverse") -> Blob:
    """``1 / x``."""
    return power(call, x, part, power=-1.0)


def square(call: Call, x: Blob, part: str = "square") -> Blob:
    """``x * x``."""
    return power(call, x, part, power=2.0)


def product(call: Call, *factors: Blob, part: str = "product") -> Blob:
    """Product of blobs of one shape."""
    return layer(call, "Eltwise", factors, part, eltwise_param={"operation": "PROD"})


def weighted_sum(call: Call, terms: Sequence[Blob], weights: Sequence[float] = (), part: str = "sum") -> Blob:
    """Sum of blobs of one shape, each times its weight (1 by default)."""
    coeff = [float(weight) for weight in weights]
    return layer(call, "Eltwise", terms, part, eltwise_param={"coeff": coeff} if set(coeff) - {1.0} else {})


def maximum(call: Call, *choices: Blob, part: str = "maximum") -> Blob:
    """The larger value at each place; of equal ones the gradient goes to the last."""
    return layer(call, "Eltwise", choices, part, eltwise_param={"operation": "MAX"})


def minimum(call: Call, *choices: Blob) -> Blob:
    """The smaller value at each place: stock Caffe has the maximum alone."""
    lowered = [negative(call, choice) for choice in choices]
    return negative(call, maximum(call, *lowered), "minimum")


def uniform(call: Call, value: float, like: Blob, part: str = "constant") -> Blob:
    """A blob of the shape of ``like``, filled with one value whatever ``like`` holds."""
    return power(call, like, part, scale=0.0, shift=value)


def at_least(call: Call, x: Blob, low: float) -> Blob:
    """``max(x, low)``, to the last bit."""
    if low == 0:
        return layer(call, "ReLU", x, "at_least_0")
    return maximum(call, uniform(call, low, x, "low"), x, part="at_least")


def at_most(call: Call, x: Blob, high: float, scale: float = 1.0) -> Blob:
    """``scale * min(x, high)``; to the last bit where the scale is 1."""
    lowered = negative(call, x)
    clipped = maximum(call, uniform(call, -high, lowered, "high"), lowered, part="at_most")
    return power(call, clipped, "clipped", scale=-scale)


def clamp(call: Call, x: Blob, low: float | None, high: float | None, scale: float = 1.0) -> Blob:
    """``scale * min(max(x, low), high)``, where either bound may be absent (None, or infinite)."""
    if low is not None and low > -np.inf:
        x = at_least(call, x, low)
    if high is not None and high < np.inf:
        return at_most(call, x, high, scale)
    return power(call, x, "scaled", scale=scale)


def reshaped(call: Call, x: Blob, shape: Sequence[int], part: str = "reshaped") -> Blob:
    """The same values in another shape, for a batch of any size wherever the first axis stays."""
    shape = tuple(shape)
    if x.shape == shape:
        return x
    if len(x.shape) > 1 and shape == (x.shape[0], prod(x.shape[1:])):
        return layer(call, "Flatten", x, part, shape)
    if not shape:
        raise RefusedError("to a number without axes")
    return reshape(call, x, shape, part=part)


def tiled(call: Call, x: Blob, axis: int, times: int, part: str = "tiled") -> Blob:
    """``times`` copies along one axis."""
    if times == 1:
        return x
    shape = (*x.shape[:axis], x.shape[axis] * times, *x.shape[axis + 1 :])
    return layer(call, "Tile", x, part, shape, tile_param={**({} if axis == 1 else {"axis": axis}), "tiles": times})


def channel_matrix(call: Call, x: Blob, matrix: np.ndarray, part: str) -> Blob:
    """A frozen 1x1 convolution: each pixel's channels (N, C, H, W) times a matrix (outputs, C)."""
    return layer(
        call,
        "Convolution",
        x,
        part,
        (x.shape[0], len(matrix), *x.shape[2:]),
        blobs=[matrix[:, :, None, None]],
        frozen=True,
        convolution_param={"num_output": len(matrix), "bias_term": False, "kernel_size": 1},
    )


def constant(call: Call, value: np.ndarray, shape: tuple[int, ...], like: Blob | None = None) -> Blob:
    """A constant as a blob of ``shape``, whose first axis is the batch, whatever size that has.

    Parameters
    ----------
    value : anything that broadcasts to ``shape``, the same for every picture; it learns where PyTorch's does.
    like : a blob that gives the batch; by default the net's first input.

    Raises
    ------
    RefusedError : if the constant differs from picture to picture.
    """
    like = like or call.like
    array = for_one_picture(np.broadcast_to(value, shape), len(shape))
    if like is None or not like.shape or not shape or like.shape[0] != shape[0]:
        raise RefusedError(f"with a constant of shape {shape} that must be a blob without a batch")
    if like.shape == shape and not call.learned(value) and np.all(array == array.flat[0]):
        return uniform(call, float(array.flat[0]), like)
    sums = (
        layer(call, "Reduction", like, "pictures", shape[:1], reduction_param={"axis": 1}) if like.shape[1:] else like
    )
    ones = reshaped(call, uniform(call, 1.0, sums, "ones"), (shape[0], 1), "column_of_ones")
    flat = layer(
        call,
        "InnerProduct",
        ones,
        "flat_constant",
        (shape[0], array.size),
        blobs=[array.reshape(-1, 1)],
        frozen=not call.learned(value),
        inner_product_param={"num_output": array.size, "bias_term": False},
    )
    return reshaped(call, flat, shape, "constant")


def for_one_picture(array: np.ndarray, axes: int) -> np.ndarray:
    """A constant that broadcasts to a blob of ``axes`` axes, without its batch.

    Raises
    ------
    RefusedError : if it differs from picture to picture.
    """
    if array.ndim < axes:
        return array
    if len(array) > 1 and not np.array_equal(array, np.broadcast_to(array[:1], array.shape), equal_nan=True):
        raise RefusedError("with a constant that has a value of its own for every picture of the batch")
    return array[0]
