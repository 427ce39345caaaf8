"""Activations."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from converters import convert
from tests.converters.models import Function, functions, layers, positive
from tests.converters.ops.any_form import any_form, form_of, shapes
from tests.converters.ops.contract import Contract
from tests.converters.parity import assert_parity

IMAGE = (1, 4, 5, 6)

CASES = {
    **layers({"prelu": (nn.PReLU(4), IMAGE), "prelu, shared": (nn.PReLU(), IMAGE)}),
    **functions(
        IMAGE,
        {
            "relu": lambda x, _: F.relu(x),
            "sigmoid": lambda x, _: torch.sigmoid(x),
            "tanh": lambda x, _: torch.tanh(x),
            "abs": lambda x, _: x.abs(),
            "exp": lambda x, _: x.exp(),
            "log": lambda x, _: positive(x).log(),
            "log to base 2": lambda x, _: positive(x).log2(),
            "log to base 10": lambda x, _: positive(x).log10(),
            "exp to base 2": lambda x, _: x.exp2(),
            "log1p": lambda x, _: positive(x).log1p(),
            "expm1": lambda x, _: x.expm1(),
            "leaky relu": lambda x, _: F.leaky_relu(x, 0.2),
            "leaky relu, slope below zero": lambda x, _: F.leaky_relu(x + 1, -0.2),
            "rrelu": lambda x, _: F.rrelu(x),
            "elu": lambda x, _: F.elu(x, 0.7),
            "elu with all its scales": lambda x, _: torch.ops.aten.elu(x, 0.7, 1.3, 0.6),
            "selu": lambda x, _: F.selu(x),
            "celu": lambda x, _: F.celu(x, 0.5),
            "silu": lambda x, _: F.silu(x),
            "hard sigmoid": lambda x, _: F.hardsigmoid(3 * x),
            "hard swish": lambda x, _: F.hardswish(3 * x),
            "mish": lambda x, _: F.mish(x),
            "softplus": lambda x, _: F.softplus(20 * x),
            "softplus, beta": lambda x, _: F.softplus(x, 2.0),
            "softplus, low threshold": lambda x, _: F.softplus(3 * x, 0.5, 1.0),
            "log sigmoid": lambda x, _: F.logsigmoid(x),
            "softsign": lambda x, _: F.softsign(x),
            "tanh shrink": lambda x, _: F.tanhshrink(x),
            "hard shrink": lambda x, _: F.hardshrink(x),
            "soft shrink": lambda x, _: F.softshrink(x),
            "threshold": lambda x, _: F.threshold(x, 0.1, 0.2),
            "threshold to 0": lambda x, _: F.threshold(x, 0.1, 0.0),
            "glu": lambda x, _: F.glu(x, 1),
            "glu of the last axis": lambda x, _: F.glu(x),
            "gelu": lambda x, _: F.gelu(2 * x),
            "gelu, tanh": lambda x, _: F.gelu(2 * x, approximate="tanh"),
            "erf": lambda x, _: x.erf(),
        },
    ),
}

# Threshold has no backward pass in Caffe.
contract = Contract(
    "activation",
    CASES,
    ("softplus, low threshold", "hard shrink", "soft shrink", "threshold", "threshold to 0", "erf"),
)
test_values, test_gradients = contract.test_values(), contract.test_gradients()
test_real_caffe, test_coverage = contract.test_real_caffe(), contract.test_coverage()


@pytest.mark.parametrize("activation", [F.gelu, torch.erf, F.silu, F.mish, F.softplus, F.logsigmoid, F.hardswish])
def test_far_from_zero(activation) -> None:
    model = Function(lambda x, _: activation(30 * x))
    assert_parity(model, convert(model, IMAGE, softmax=False))


def test_who_has_no_backward_pass_is_said() -> None:
    (note,) = convert(Function(lambda x, _: F.hardshrink(x)), IMAGE).notes
    assert note == (
        "stock Caffe has no backward pass for le/above (Threshold); with force_backward: true it ends the program that "
        "asks"
    )


ANY = {
    "leaky_relu": lambda x, a, b: F.leaky_relu(x, a),
    "elu": lambda x, a, b: F.elu(x, a),
    "celu": lambda x, a, b: F.celu(x, a),
    "selu": lambda x, a, b: F.selu(x * a),
    "silu": lambda x, a, b: F.silu(x * a),
    "hardsigmoid": lambda x, a, b: F.hardsigmoid(x * 2 * a),
    "hardswish": lambda x, a, b: F.hardswish(x * 2 * a),
    "mish": lambda x, a, b: F.mish(x * a),
    "softplus": lambda x, a, b: F.softplus(x, a),
    "logsigmoid": lambda x, a, b: F.logsigmoid(x * a),
    "threshold": lambda x, a, b: F.threshold(x, a, b),
    "gelu": lambda x, a, b: F.gelu(x * a),
    "gelu by tanh": lambda x, a, b: F.gelu(x * a, approximate="tanh"),
    "softsign": lambda x, a, b: F.softsign(x * a),
    "tanhshrink": lambda x, a, b: F.tanhshrink(x * a),
    "exp": lambda x, a, b: (x * a).exp(),
    "log": lambda x, a, b: (x.abs() + a).log(),
    "log1p": lambda x, a, b: x.abs().log1p(),
    "sigmoid of tanh": lambda x, a, b: (x * a).tanh().sigmoid(),
}

test_any_form = any_form(form_of(shapes(), ANY))
