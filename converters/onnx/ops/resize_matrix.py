"""Resizing along one axis as a matrix, in every mode of ONNX; rows are places of the result, columns of the input.

The formulas are those of the operator's specification (Resize 10 to 19).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Axis:
    """One axis that is resized.

    Parameters
    ----------
    size, result : number of values before and after.
    scale : result / size, which the file may give more exactly than as a quotient of whole numbers.
    """

    size: int
    result: int
    scale: float


@dataclass(frozen=True)
class Rule:
    """How values between places are computed.

    Parameters
    ----------
    mode : ``"nearest"``, ``"linear"`` or ``"cubic"``.
    coordinates : name in `COORDINATES`.
    nearest : name in `NEAREST`.
    cubic : coefficient a of Keys' kernel.
    exclude_outside : leave out places outside the input, instead of repeating the border.
    antialias : widen the kernel where the result is smaller.
    """

    mode: str
    coordinates: str = "half_pixel"
    nearest: str = "round_prefer_floor"
    cubic: float = -0.75
    exclude_outside: bool = False
    antialias: bool = False


def _symmetric(place: np.ndarray, axis: Axis) -> np.ndarray:
    adjustment = axis.result / (axis.scale * axis.size)
    return axis.size / 2 * (1 - adjustment) + (place + 0.5) / axis.scale - 0.5


COORDINATES: dict[str, Callable[[np.ndarray, Axis], np.ndarray]] = {
    "half_pixel": lambda place, axis: (place + 0.5) / axis.scale - 0.5,
    "half_pixel_symmetric": _symmetric,
    "pytorch_half_pixel": lambda place, axis: (place + 0.5) / axis.scale - 0.5 if axis.result > 1 else 0 * place,
    "align_corners": lambda place, axis: place * (axis.size - 1) / max(axis.result - 1, 1),
    "asymmetric": lambda place, axis: place / axis.scale,
    "tf_half_pixel_for_nn": lambda place, axis: (place + 0.5) / axis.scale,
}
"""Place in the input of a place in the result, by coordinate_transformation_mode."""

NEAREST: dict[str, Callable[[np.ndarray, Axis], np.ndarray]] = {
    "round_prefer_floor": lambda place, axis: np.ceil(place - 0.5),
    "round_prefer_ceil": lambda place, axis: np.floor(place + 0.5),
    "floor": lambda place, axis: np.floor(place),
    "ceil": lambda place, axis: np.ceil(place),
    # up to opset 10 the specification is silent; this is what ONNX Runtime does
    "simple": lambda place, axis: np.ceil(place) if axis.scale < 1 else np.floor(place),
}
"""The whole place for a place between two, by nearest_mode."""


def places(axis: Axis, rule: Rule) -> np.ndarray:
    """Places in the input, between or beyond whole ones, of every place in the result.

    In float32, as every runtime computes them: where a place falls on a boundary, rounding decides.
    """
    single = Axis(axis.size, axis.result, float(np.float32(axis.scale)))
    return COORDINATES[rule.coordinates](np.arange(axis.result, dtype=np.float32), single).astype(np.float64)


def nearest_places(axis: Axis, rule: Rule) -> np.ndarray:
    """The whole place that every place of the result is copied from."""
    found = NEAREST[rule.nearest](places(axis, rule), axis)
    return np.clip(found, 0, axis.size - 1).astype(np.int64)


def resize_matrix(axis: Axis, rule: Rule) -> np.ndarray:
    """(result, size) matrix; every row sums to one."""
    matrix = np.zeros((axis.result, axis.size))
    if rule.mode == "nearest":
        matrix[np.arange(axis.result), nearest_places(axis, rule)] = 1
        return matrix
    stretch = max(1.0, 1 / axis.scale) if rule.antialias else 1.0
    reach = (1 if rule.mode == "linear" else 2) * stretch
    for row, place in zip(matrix, places(axis, rule), strict=True):
        near = np.arange(math.floor(place - reach) + 1, math.ceil(place + reach) + 1)
        weights = _kernel((near - place) / stretch, rule)
        if rule.exclude_outside:
            weights = np.where((near >= 0) & (near < axis.size), weights, 0)
        weights = weights / weights.sum()
        np.add.at(row, np.clip(near, 0, axis.size - 1), weights)
    return matrix


def _kernel(distance: np.ndarray, rule: Rule) -> np.ndarray:
    """The triangle of linear, or Keys' cubic interpolation."""
    x = np.abs(distance)
    if rule.mode == "linear":
        return np.maximum(1 - x, 0)
    a = rule.cubic
    inner = (a + 2) * x**3 - (a + 3) * x**2 + 1
    outer = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, inner, np.where(x < 2, outer, 0))
