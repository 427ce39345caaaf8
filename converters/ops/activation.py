"""Activations that work on every value by itself."""

from __future__ import annotations

from math import exp, pi, sqrt
from typing import Any

from converters.call import Call, Result
from converters.compose.layers import clamp, layer, negative, power, product, square, weighted_sum
from converters.layer_spec import Blob
from converters.registry import converts

SAME_IN_CAFFE = {
    "aten.relu.default": "ReLU",
    "aten.sigmoid.default": "Sigmoid",
    "aten.tanh.default": "TanH",
    "aten.abs.default": "AbsVal",
    "aten.exp.default": "Exp",
    "aten.log.default": "Log",
}


@converts(*SAME_IN_CAFFE)
def convert_same(call: Call) -> str:
    """The layer of that name."""
    return call.layer(SAME_IN_CAFFE[call.op], call.blob("self"))


BASES = {"aten.log2.default": ("Log", 2.0), "aten.log10.default": ("Log", 10.0), "aten.exp2.default": ("Exp", 2.0)}


@converts(*BASES)
def convert_base(call: Call) -> str:
    """Log or Exp with its base."""
    type, base = BASES[call.op]
    fields: Any = {f"{type.lower()}_param": {"base": base}}
    return call.layer(type, call.blob("self"), **fields)


@converts("aten.log1p.default", status="approximation", error="absolute 2e-7")
def convert_log1p(call: Call) -> str:
    """Log of ``1 + x``."""
    return call.layer("Log", call.blob("self"), log_param={"shift": 1.0})


@converts("aten.expm1.default", status="approximation", error="absolute 2e-7")
def convert_expm1(call: Call) -> Result:
    """Exp, then Power that takes 1 away."""
    return power(call, layer(call, "Exp", call.blob("self"), "exponential"), shift=-1.0)


@converts("aten.leaky_relu.default")
def convert_leaky_relu(call: Call) -> str:
    """ReLU with a slope below zero."""
    return call.layer("ReLU", call.blob("self"), relu_param={"negative_slope": float(call["negative_slope"])})


@converts("aten.rrelu.default")
def convert_rrelu(call: Call) -> str:
    """ReLU with the slope that RReLU has in evaluation, the middle of its bounds."""
    slope = (float(call["lower"]) + float(call["upper"])) / 2
    return call.layer("ReLU", call.blob("self"), relu_param={"negative_slope": slope})


@converts("aten.elu.default", "aten.celu.default", "aten.selu.default", status="trick")
def convert_elu(call: Call) -> Result:
    """ELU, between Powers where PyTorch's form has scales: SELU and CELU."""
    alpha, scale, input_scale = _elu_scales(call)
    x = power(call, call.blob("self"), "scaled_input", scale=input_scale)
    return power(
        call, layer(call, "ELU", x, "elu", elu_param={"alpha": alpha * input_scale}), scale=scale / input_scale
    )


def _elu_scales(call: Call) -> tuple[float, float, float]:
    """(alpha, scale, input_scale) of ``scale * (max(0, x) + min(0, alpha * (exp(input_scale * x) - 1)))``."""
    if "selu" in call.op:
        return 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1.0
    alpha = float(call["alpha"])
    if "celu" in call.op:
        return alpha, 1.0, 1 / alpha
    return alpha, float(call["scale"]), float(call["input_scale"])


@converts("aten.prelu.default")
def convert_prelu(call: Call) -> str:
    """PReLU, with a slope per channel or one for all; the blob of a shared slope has no axes in Caffe."""
    bottom, slopes = call.blob("self"), call.constant("weight")
    assert slopes is not None
    if slopes.size == 1:
        return call.layer("PReLU", bottom, blobs=[slopes.reshape(())], prelu_param={"channel_shared": True})
    return call.layer("PReLU", bottom, blobs=[slopes.reshape(-1)])


@converts("aten.silu.default", status="trick")
def convert_silu(call: Call) -> Result:
    """``x * sigmoid(x)``: Sigmoid and Eltwise PROD."""
    x = call.blob("self")
    return product(call, x, sigmoid(call, x))


@converts("aten.hardsigmoid.default", status="trick")
def convert_hardsigmoid(call: Call) -> Result:
    """``relu6(x + 3) / 6``: Power, then as relu6."""
    return hardsigmoid(call, call.blob("self"))


@converts("aten.hardswish.default", status="trick")
def convert_hardswish(call: Call) -> Result:
    """``x * hardsigmoid(x)``."""
    x = call.blob("self")
    return product(call, x, hardsigmoid(call, x))


@converts("aten.mish.default", status="trick")
def convert_mish(call: Call) -> Result:
    """``x * tanh(softplus(x))``: BNLL, TanH, Eltwise PROD."""
    x = call.blob("self")
    return product(call, x, layer(call, "TanH", layer(call, "BNLL", x, "softplus"), "tanh"))


@converts("aten.softplus.default", status="trick")
def convert_softplus(call: Call) -> Result:
    """BNLL, between Powers where beta is not 1; a low threshold, above which PyTorch gives ``x``, by Threshold."""
    x, beta, threshold = call.blob("self"), float(call["beta"]), float(call["threshold"])
    scaled = power(call, x, "scaled_input", scale=beta)
    smooth = power(call, layer(call, "BNLL", scaled, "softplus"), "scaled", scale=1 / beta)
    if exp(-threshold) < SMALLEST_STEP:
        return smooth
    above = layer(call, "Threshold", scaled, "above", threshold_param={"threshold": threshold})
    below = power(call, above, "below", scale=-1.0, shift=1.0)
    return weighted_sum(call, (product(call, above, x), product(call, below, smooth)))


SMALLEST_STEP = 1e-7
"""Softplus minus ``x`` below which float32 does not tell them apart."""


@converts("aten.log_sigmoid.default", status="trick")
def convert_log_sigmoid(call: Call) -> Result:
    """``-softplus(-x)``: BNLL between Powers."""
    return negative(call, layer(call, "BNLL", negative(call, call.blob("self")), "softplus"), "result")


@converts("aten.threshold.default", status="trick")
def convert_threshold(call: Call) -> Result:
    """``x`` above the threshold, else a value: Threshold, Eltwise PROD, Power, Eltwise SUM."""
    x, value = call.blob("self"), float(call["value"])
    above = layer(call, "Threshold", x, "above", threshold_param={"threshold": float(call["threshold"])})
    kept = product(call, x, above)
    return weighted_sum(call, (kept, power(call, above, "below", scale=-value, shift=value))) if value else kept


@converts("aten.glu.default", status="trick")
def convert_glu(call: Call) -> Result:
    """``a * sigmoid(b)`` of both halves of an axis: Slice, Sigmoid, Eltwise PROD."""
    x = call.blob("self")
    axis = call["dim"] % len(x.shape)
    names = call.layer_with_tops(
        "Slice", x, "halves", ("half", "gate"), slice_param={} if axis == 1 else {"axis": axis}
    )
    half, gate = (Blob(name, call.shape) for name in names)
    return product(call, half, sigmoid(call, gate))


@converts("aten.gelu.default", status="approximation", error="absolute 5e-7")
def convert_gelu(call: Call) -> Result:
    """By the error function of Abramowitz and Stegun (7.1.26), or as the tanh form: Power, Exp, Eltwise."""
    return gelu_tanh(call, call.blob("self")) if call["approximate"] == "tanh" else gelu(call, call.blob("self"))


@converts("aten.erf.default", status="approximation", error="absolute 6e-7")
def convert_erf(call: Call) -> Result:
    """Abramowitz and Stegun, 7.1.26: ``sign(x) * (1 - poly(t) * exp(-x * x))``: Power, Exp, Eltwise, Threshold."""
    x = call.blob("self")
    tail = error_tail(call, x, 1.0)
    above = layer(call, "Threshold", x, "above")
    sign = power(call, above, "sign", scale=2.0, shift=-1.0)
    return product(call, sign, power(call, tail, "magnitude", scale=-1.0, shift=1.0))


def sigmoid(call: Call, x: Blob) -> Blob:
    """``1 / (1 + exp(-x))``."""
    return layer(call, "Sigmoid", x, "sigmoid")


def hardsigmoid(call: Call, x: Blob) -> Blob:
    """``relu6(x + 3) / 6``."""
    return clamp(call, power(call, x, "raised", shift=3.0), 0.0, 6.0, scale=1 / 6)


def gelu(call: Call, x: Blob) -> Blob:
    """``x * (1 + erf(x / sqrt(2))) / 2 = relu(x) - |x| * erfc(|x| / sqrt(2)) / 2``, which has no cancellation."""
    tail = error_tail(call, x, sqrt(0.5))
    lost = product(call, layer(call, "AbsVal", x, "absolute"), tail, part="lost")
    return weighted_sum(call, (layer(call, "ReLU", x, "relu"), lost), (1.0, -0.5))


COEFFICIENTS = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
SHIFT = 0.3275911


def error_tail(call: Call, x: Blob, scale: float) -> Blob:
    """``erfc(scale * |x|)`` within 1.5e-7.

    References
    ----------
    Abramowitz and Stegun (1964), "Handbook of Mathematical Functions", 7.1.26.
    """
    absolute = layer(call, "AbsVal", x, "distance")
    t = power(call, absolute, "t", scale=SHIFT * scale, shift=1.0, power=-1.0)
    polynomial = power(call, t, "polynomial", scale=COEFFICIENTS[-1], shift=COEFFICIENTS[-2])
    for coefficient in reversed(COEFFICIENTS[:-2]):
        polynomial = power(call, product(call, polynomial, t, part="term"), "polynomial", shift=coefficient)
    exponential = layer(call, "Exp", power(call, square(call, x), "exponent", scale=-(scale**2)), "bell")
    return product(call, product(call, polynomial, t, part="term"), exponential, part="tail")


def gelu_tanh(call: Call, x: Blob) -> Blob:
    """``x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3))) / 2``."""
    factor = power(call, square(call, x), "factor", scale=sqrt(2 / pi) * 0.044715, shift=sqrt(2 / pi))
    bent = layer(call, "TanH", product(call, x, factor, part="inner"), "tanh")
    return product(call, x, power(call, bent, "gate", scale=0.5, shift=0.5))
