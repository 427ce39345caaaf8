"""Activations that work on every value by itself."""

from __future__ import annotations

import numpy as np

from converters.call import Call
from converters.errors import RefusedError
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
    """Activations that Caffe has as they are."""
    return call.layer(SAME_IN_CAFFE[call.op], call.blob("self"))


@converts("aten.leaky_relu.default")
def convert_leaky_relu(call: Call) -> str:
    """ReLU with a slope below zero."""
    return call.layer("ReLU", call.blob("self"), relu_param={"negative_slope": float(call["negative_slope"])})


@converts("aten.elu.default")
def convert_elu(call: Call) -> str:
    """ELU; PyTorch's two further scales belong to SELU and CELU."""
    if call["scale"] != 1 or call["input_scale"] != 1:
        raise RefusedError(f"scale {call['scale']} and input_scale {call['input_scale']}; both must be 1")
    return call.layer("ELU", call.blob("self"), elu_param={"alpha": float(call["alpha"])})


@converts("aten.prelu.default")
def convert_prelu(call: Call) -> str:
    """PReLU, with a slope per channel or one for all; the blob of a shared slope has no axes in Caffe."""
    bottom, slopes = call.blob("self"), call.constant("weight")
    assert slopes is not None
    if slopes.size == 1:
        return call.layer("PReLU", bottom, blobs=[slopes.reshape(())], prelu_param={"channel_shared": True})
    return call.layer("PReLU", bottom, blobs=[slopes.reshape(-1)])


@converts("aten.relu6.default")
def convert_relu6(call: Call) -> str:
    """ReLU that stops at 6."""
    return _clip(call, 0.0, 6.0)


@converts("aten.hardtanh.default")
def convert_hardtanh(call: Call) -> str:
    """Identity between two bounds, 0 and 6 for torch.nn.ReLU6."""
    return _clip(call, float(call["min_val"]), float(call["max_val"]))


@converts("aten.clamp.default")
def convert_clamp(call: Call) -> str:
    """Identity between two bounds, of which one may be absent."""
    low, high = call["min"], call["max"]
    return _clip(call, -np.inf if low is None else float(low), np.inf if high is None else float(high))


def _clip(call: Call, low: float, high: float) -> str:
    """``low + relu(x - low)``, then ``high - relu(high - x)``: stock 1.0 has no Clip; exact to one rounding."""
    top: Blob | str = call.blob("self")
    steps: list[tuple[str, dict[str, float]]] = []
    if low > -np.inf:
        steps += [("Power", {"shift": -low}), ("ReLU", {}), ("Power", {"shift": low})]
    if high < np.inf:
        steps += [("Power", {"scale": -1.0, "shift": high}), ("ReLU", {}), ("Power", {"scale": -1.0, "shift": high})]
    steps = [step for step in steps if step != ("Power", {"shift": 0.0})]
    for number, (type, param) in enumerate(steps, start=1):
        top = call.layer(type, top, part="" if number == len(steps) else f"step{number}", power_param=param)
    assert isinstance(top, str)
    return top
