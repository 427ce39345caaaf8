"""Two values of different shapes in one sum or product.

Stock Caffe's Eltwise takes one shape only. Scale and Bias take a second value that has a block of consecutive axes of
the first; what else PyTorch broadcasts is repeated by Tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from converters.call import Call
from converters.compose.layers import (
    constant,
    for_one_picture,
    inverse,
    layer,
    power,
    reshaped,
    tiled,
    weighted_sum,
)
from converters.errors import RefusedError
from converters.layer_spec import Blob

Operand = Blob | np.ndarray | float


def shape_of(*operands: Operand) -> tuple[int, ...]:
    """Shape of the result of an operation on ``operands``."""
    return np.broadcast_shapes(
        *(operand.shape if isinstance(operand, Blob) else np.shape(operand) for operand in operands)
    )


def times(call: Call, a: Operand, b: Operand) -> Blob:
    """``a * b``, where at least one is a blob."""
    if isinstance(a, Blob) and isinstance(b, Blob):
        big, small = _by_size(call, a, b)
        if big.shape == small.shape:
            return layer(call, "Eltwise", (big, small), "product", eltwise_param={"operation": "PROD"})
        return layer(call, "Scale", (big, small), "product", scale_param={"axis": 0})
    x, factor = (a, b) if isinstance(a, Blob) else (b, a)
    assert isinstance(x, Blob)
    assert not isinstance(factor, Blob)
    if np.size(factor) == 1 and not call.learned(factor):
        return power(call, widened(call, x, shape_of(a, b)), "scaled", scale=float(np.reshape(factor, ())))
    return _with_constant(call, "Scale", x, np.asarray(factor), shape_of(a, b))


def plus(call: Call, a: Operand, b: Operand, alpha: float = 1.0, beta: float = 1.0) -> Blob:
    """``alpha * a + beta * b``, where at least one is a blob."""
    if not isinstance(a, Blob):
        a, b, alpha, beta = b, a, beta, alpha
    assert isinstance(a, Blob)
    if isinstance(b, Blob):
        if a.shape == b.shape:
            return weighted_sum(call, (a, b), (alpha, beta))
        a, b = power(call, a, "weighted", scale=alpha), power(call, b, "weighted", scale=beta)
        big, small = _by_size(call, a, b)
        if big.shape == small.shape:
            return weighted_sum(call, (big, small))
        return layer(call, "Bias", (big, small), "sum", bias_param={"axis": 0})
    if np.size(b) == 1 and not call.learned(b):
        wide = widened(call, a, shape_of(a, b))
        return power(call, wide, "shifted", scale=alpha, shift=beta * float(np.reshape(b, ())))
    array = np.asarray(b) if beta == 1 else np.asarray(b, np.float64) * beta
    return _with_constant(call, "Bias", power(call, a, "weighted", scale=alpha), array, shape_of(a, b))


def over(call: Call, a: Operand, b: Operand) -> Blob:
    """``a / b``, where at least one is a blob."""
    if isinstance(b, Blob):
        return times(call, a, inverse(call, b))
    return times(call, a, _reciprocal(call, b))


def as_blobs(call: Call, operands: Sequence[Operand]) -> list[Blob]:
    """All operands as blobs of one shape, constants too."""
    shape = shape_of(*operands)
    wide: dict[int, Blob] = {
        place: widened(call, operand, shape) for place, operand in enumerate(operands) if isinstance(operand, Blob)
    }
    like = next(iter(wide.values()), None)
    for place, operand in enumerate(operands):
        if not isinstance(operand, Blob):
            wide[place] = constant(call, np.asarray(operand), shape, like)
    return [wide[place] for place in range(len(operands))]


def widened(call: Call, x: Blob, shape: tuple[int, ...], last: int | None = None) -> Blob:
    """``x`` broadcast to ``shape``, or as far as axis ``last`` (excluded).

    Raises
    ------
    RefusedError : if it would have to be repeated for every picture of the batch.
    """
    extents = _aligned(x, shape)
    x = reshaped(call, x, extents, "aligned")
    for axis, (have, want) in enumerate(zip(extents[:last], shape[:last], strict=True)):
        if have != want and axis == 0:
            raise RefusedError(f"of shape {x.shape}, which would have to be repeated for every picture of the batch")
        if have != want:
            x = tiled(call, x, axis, want, "widened")
    return x


def _aligned(x: Blob, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Extents of ``x`` among the axes of ``shape``."""
    if len(x.shape) < len(shape) and shape[0] != 1:
        raise RefusedError(f"of shape {x.shape} with {shape}: it has lost the batch")
    return (1,) * (len(shape) - len(x.shape)) + x.shape


def _by_size(call: Call, a: Blob, b: Blob) -> tuple[Blob, Blob]:
    """Two blobs as one of the result's shape, and one of the same shape or of its leading axes, for Scale and Bias."""
    shape = shape_of(a, b)
    big, small = (a, b) if a.shape == shape or prod(a.shape) >= prod(b.shape) else (b, a)
    big = widened(call, big, shape)
    if not small.shape:
        return big, small
    extents = _aligned(small, shape)
    axes = max((axis for axis, extent in enumerate(extents) if extent > 1), default=0) + 1
    small = widened(call, small, shape, axes)
    return big, reshaped(call, small, shape[:axes], "leading_axes")


def _with_constant(call: Call, type: str, x: Blob, array: np.ndarray, shape: tuple[int, ...]) -> Blob:
    """Scale or Bias of ``x`` by a constant array, as the block of consecutive axes that these want."""
    x = widened(call, x, shape)
    array = for_one_picture(array, len(shape))
    extents = (1,) * (len(shape) - array.ndim) + array.shape
    axes = [axis for axis, extent in enumerate(extents) if extent > 1]
    if not axes:
        alone: Any = {f"{type.lower()}_param": {"num_axes": 0}}
        return layer(call, type, x, type.lower(), blobs=[array.reshape(())], **alone)
    block = slice(axes[0], axes[-1] + 1)
    if extents[block] != shape[block]:
        array = np.broadcast_to(array.reshape(extents[block]), shape[block])
    where = {"axis": axes[0], "num_axes": len(shape[block])}
    fields: Any = {f"{type.lower()}_param": {name: value for name, value in where.items() if value != 1}}
    return layer(call, type, x, type.lower(), blobs=[array.reshape(shape[block])], **fields)


def _reciprocal(call: Call, divisor: np.ndarray | float) -> np.ndarray | float:
    """``1 / divisor`` as a factor; a parameter that learns cannot learn as its inverse."""
    if call.learned(divisor):
        raise RefusedError("by a parameter that learns; write it as a product with the inverse, or freeze it")
    with np.errstate(divide="ignore"):  # a factor that is infinite is refused with its place
        return 1.0 / np.asarray(divisor, np.float64)
