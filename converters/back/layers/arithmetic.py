"""Arithmetic: AbsVal, Power, Exp, Log, Threshold, Eltwise, Scale and Bias."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from converters.back.emitter import Emitter
from converters.back.registry import describes
from converters.back.source_layer import SourceLayer
from prototxt.formats.schema import EltwiseParameter


@describes("AbsVal")
def absolute(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """``|x|``."""
    return [emit.unary("abs", bottoms[0])]


@describes("Power")
def power(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """``(shift + scale · x) ** power``; a constant in Caffe where power or scale is 0, even of what has no power."""
    (x,), param = bottoms, layer.param.power_param
    if param.power * param.scale == 0:
        return [emit.fill(x, 1.0 if param.power == 0 else param.shift**param.power)]
    x = _affine(emit, x, param.scale, param.shift)
    return [x if param.power == 1 else emit.power(x, param.power)]


@describes("Exp")
def exponential(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """``base ** (shift + scale · x)``; base -1 is e."""
    param = layer.param.exp_param
    log_base = _log_base(param.base)
    return [emit.unary("exp", _affine(emit, bottoms[0], param.scale * log_base, param.shift * log_base))]


@describes("Log")
def logarithm(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """``log_base(shift + scale · x)``; base -1 is e."""
    param = layer.param.log_param
    top = emit.unary("log", _affine(emit, bottoms[0], param.scale, param.shift))
    return [_affine(emit, top, 1 / _log_base(param.base), 0)]


def _affine(emit: Emitter[Any], x: Any, scale: float, shift: float) -> Any:
    x = x if scale == 1 else emit.multiply(x, scale)
    return x if shift == 0 else emit.add(x, shift)


def _log_base(base: float) -> float:
    return 1.0 if base == -1 else math.log(base)


@describes("Threshold")
def threshold(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """1 where ``x`` is above the threshold, else 0."""
    return [emit.greater(bottoms[0], layer.param.threshold_param.threshold)]


@describes("Eltwise")
def eltwise(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Product, weighted sum or maximum of equal shapes."""
    param = layer.param.eltwise_param
    if param.operation == EltwiseParameter.PROD:
        return [reduce(emit.multiply, bottoms)]
    if param.operation == EltwiseParameter.MAX:
        return [reduce(emit.maximum, bottoms)]
    coefficients = list(param.coeff) or [1.0] * len(bottoms)
    total = bottoms[0] if coefficients[0] == 1 else emit.multiply(bottoms[0], coefficients[0])
    for x, coefficient in zip(bottoms[1:], coefficients[1:], strict=True):
        term = x if abs(coefficient) == 1 else emit.multiply(x, abs(coefficient))
        total = emit.subtract(total, term) if coefficient < 0 else emit.add(total, term)
    return [total]


@describes("Scale")
def scale(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """``x · factor (+ bias)``: the factor is a blob or the second bottom, of the shape of axes from ``axis`` on."""
    param = layer.param.scale_param
    x, *given = bottoms
    axis = layer.axis(param.axis) if not given or layer.bottom_shapes[1] else 0
    factor = _second(layer, emit, given[0], axis) if given else _stored(layer, emit, "weight", 0, axis)
    top = emit.multiply(x, factor)
    if param.bias_term:
        top = emit.add(top, _stored(layer, emit, "bias", len(layer.blobs) - 1, axis))
    return [top]


@describes("Bias")
def bias(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """``x + bias``: the bias is a blob or the second bottom, of the shape of axes from ``axis`` on."""
    x, *given = bottoms
    axis = layer.axis(layer.param.bias_param.axis) if not given or layer.bottom_shapes[1] else 0
    summand = _second(layer, emit, given[0], axis) if given else _stored(layer, emit, "bias", 0, axis)
    return [emit.add(x, summand)]


def _second(layer: SourceLayer, emit: Emitter[Any], operand: Any, axis: int) -> Any:
    axes = len(layer.bottom_shapes[1])
    return emit.append_axes(operand, axes, len(layer.shape) - axis - axes)


def _stored(layer: SourceLayer, emit: Emitter[Any], role: str, blob: int, axis: int) -> Any:
    """A blob with axes of length 1 behind its own, so that it is broadcast from ``axis`` on."""
    array: np.ndarray = layer.blobs[blob]
    return emit.parameter(role, array.reshape(array.shape + (1,) * (len(layer.shape) - axis - array.ndim)), blob)
