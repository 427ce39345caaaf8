"""Sums, means, maxima, variances and norms over axes, and sums of exponentials."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, prod
from typing import Any

from converters.call import Call, Result
from converters.compose.broadcasting import over, plus, times
from converters.compose.layers import clamp, layer, negative, power, product, reshaped, square
from converters.compose.reducing import Axes, canonical_axes, largest, mean, smallest, total
from converters.errors import RefusedError
from converters.layer_spec import Blob
from converters.registry import converts

MOST_FACTORS = 64
"""Extent of an axis up to which its product is made by slicing it."""


def _axes(call: Call) -> Axes:
    return call.get("dim")


def _keepdim(call: Call) -> bool:
    return bool(call.get("keepdim", False))


@converts("aten.mean.dim", "aten.mean.default", status="trick")
def convert_mean(call: Call) -> Result:
    """Pooling AVE over height and width, a frozen 1x1 Convolution over channels, Reduction over other last axes."""
    return mean(call, call.blob("self"), _axes(call), _keepdim(call))


@converts("aten.sum.dim_IntList", "aten.sum.default", status="trick")
def convert_sum(call: Call) -> Result:
    """Reduction over the last axes, a frozen 1x1 Convolution over channels, Pooling AVE and Power over others."""
    return total(call, call.blob("self"), _axes(call), _keepdim(call))


@converts("aten.amax.default", "aten.max.dim", status="trick")
def convert_max(call: Call) -> Result:
    """Pooling MAX, over axes that Reshape makes the height of a map."""
    return _values_only(call, largest(call, call.blob("self"), _axes(call), _keepdim(call)))


@converts("aten.amin.default", "aten.min.dim", status="trick")
def convert_min(call: Call) -> Result:
    """The negative of the maximum of the negative."""
    return _values_only(call, smallest(call, call.blob("self"), _axes(call), _keepdim(call)))


def _values_only(call: Call, values: Blob) -> Result:
    """The first of the two results that ``max.dim`` has: Caffe's Pooling gives no index along one axis."""
    return (values,) if call.op.endswith(".dim") else values


@converts("aten.var.dim", "aten.var.correction", status="trick")
def convert_var(call: Call) -> Result:
    """Mean of the squared distance from the mean."""
    return _variance(call, call.blob("self"))[0]


@converts("aten.std.dim", "aten.std.correction", status="trick")
def convert_std(call: Call) -> Result:
    """Square root of the variance."""
    return power(call, _variance(call, call.blob("self"))[0], "deviation", power=0.5)


@converts("aten.var_mean.dim", "aten.var_mean.correction", status="trick")
def convert_var_mean(call: Call) -> Result:
    """Variance and mean."""
    variance, centre = _variance(call, call.blob("self"))
    return variance, reshaped(call, centre, variance.shape)


def _variance(call: Call, x: Blob) -> tuple[Blob, Blob]:
    """Variance, with ``count - correction`` as divisor, and mean with all axes kept."""
    axes = canonical_axes(x, _axes(call))
    count = prod(x.shape[axis] for axis in axes)
    correction = call.get("correction")
    if correction is None:
        correction = 1 if call.get("unbiased", True) else 0
    if count <= float(correction):
        raise RefusedError(f"of {count} value{'s' if count > 1 else ''}, which have no variance")
    centre = mean(call, x, axes, keepdim=True)
    squares = mean(call, square(call, plus(call, x, centre, 1.0, -1.0)), axes, _keepdim(call))
    return power(call, squares, "unbiased", scale=count / (count - float(correction))), centre


@converts("aten.linalg_vector_norm.default", status="trick")
def convert_norm(call: Call) -> Result:
    """``(sum of |x| ** p) ** (1 / p)``, or the largest or smallest absolute value where p is infinite."""
    return norm(call, call.blob("self"), float(call["ord"]), _axes(call), _keepdim(call))


def norm(call: Call, x: Blob, p: float, axes: Axes, keepdim: bool) -> Blob:
    """The p-norm over axes."""
    if p == 0:
        raise RefusedError("of order 0, which counts; stock Caffe cannot")
    if p == 2:
        return power(call, total(call, square(call, x), axes, keepdim), "root", power=0.5)
    absolute = layer(call, "AbsVal", x, "absolute")
    if abs(p) == inf:
        return (largest if p > 0 else smallest)(call, absolute, axes, keepdim)
    sums = total(call, power(call, absolute, "powers", power=p), axes, keepdim)
    return power(call, sums, "root", power=1 / p)


@converts("aten.cosine_similarity.default", status="trick")
def convert_cosine_similarity(call: Call) -> Result:
    """Sum of the products, divided by both norms, each at least eps."""
    first, second, axis, eps = call.blob("x1"), call.blob("x2"), call["dim"], float(call["eps"])
    products = total(call, _blob(times(call, first, second)), axis, keepdim=False)
    for x in (first, second):
        products = over(call, products, clamp(call, norm(call, x, 2.0, axis, False), eps, None))
    return products


@converts("aten.pairwise_distance.default", status="trick")
def convert_pairwise_distance(call: Call) -> Result:
    """The norm of ``x1 - x2 + eps`` over the last axis."""
    distance = power(call, plus(call, call["x1"], call["x2"], 1.0, -1.0), "distance", shift=float(call["eps"]))
    return norm(call, distance, float(call["p"]), -1, _keepdim(call))


def _blob(value: Any) -> Blob:
    return value


@converts("aten.logsumexp.default", status="trick")
def convert_logsumexp(call: Call) -> Result:
    """``max + log(sum(exp(x - max)))``, which neither overflows nor underflows."""
    return log_sum_exp(call, call.blob("self"), call["dim"], _keepdim(call))


def log_sum_exp(call: Call, x: Blob, axes: Axes, keepdim: bool) -> Blob:
    """Logarithm of the sum of exponentials over axes."""
    top = largest(call, x, axes, keepdim=True)
    exponentials = layer(call, "Exp", plus(call, x, top, 1.0, -1.0), "exponentials")
    logarithm = layer(call, "Log", total(call, exponentials, axes, keepdim), "logarithm")
    return plus(call, logarithm, reshaped(call, top, logarithm.shape))


@converts("aten.prod.dim_int", status="trick")
def convert_prod(call: Call) -> Result:
    """Slice, then Eltwise PROD of the slices, of an axis of 64 at most."""
    x, axis = call.blob("self"), call["dim"] % len(call.blob("self").shape)
    count = x.shape[axis]
    if axis == 0 or count > MOST_FACTORS:
        what = "the batch" if axis == 0 else f"{count} factors; at most {MOST_FACTORS}"
        raise RefusedError(f"over {what}")
    return reshaped(call, _fold(call, x, axis, product), call.shape, "reduced_shape")


def _fold(call: Call, x: Blob, axis: int, combine: Callable[..., Blob]) -> Blob:
    """Combine the slices of one axis."""
    if x.shape[axis] == 1:
        return x
    tops = [f"slice{number}" for number in range(x.shape[axis])]
    param = {} if axis == 1 else {"axis": axis}
    names = call.layer_with_tops("Slice", x, "slices", tops, slice_param=param)
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    return combine(call, *(Blob(name, shape) for name in names))


@converts("aten.argmax.default", "aten.argmin.default", status="trick")
def convert_argmax(call: Call) -> Result:
    """ArgMax, of the negative for argmin: the index as a number; of equal values it may take another than PyTorch."""
    x, axis = call.blob("self"), call["dim"]
    if axis is None:
        raise RefusedError("over all axes, the batch among them")
    axis %= len(x.shape)
    x = negative(call, x) if "argmin" in call.op else x
    kept = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    index = layer(call, "ArgMax", x, "index", kept, argmax_param={"axis": axis})
    return reshaped(call, index, call.shape, "reduced_shape")
