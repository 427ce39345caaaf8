"""Sums, products and quotients, of one shape and of several."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import strategies as st
from torch import nn

from converters import UnsupportedOpsError, convert
from tests.converters.models import Function, functions, positive
from tests.converters.ops.any_form import Form, any_form, shapes
from tests.converters.ops.contract import Contract

IMAGE = (1, 4, 5, 6)


def pooled(x):
    return x.mean((2, 3), keepdim=True)


def flat(x):
    return x.mean(1, keepdim=True)


CASES = functions(
    IMAGE,
    {
        "add": lambda x, _: x + 2 * x,
        "add, alpha": lambda x, _: torch.add(x, x.abs(), alpha=0.5),
        "add a number": lambda x, _: x + 1.5,
        "add a scalar of the model": lambda x, net: x + net.scalar,
        "add a constant": lambda x, net: x + net.constant,
        "add a constant of two parts": lambda x, net: x + net.plane * net.constant,
        "add a constant with a batch": lambda x, net: x + net.token,
        "add ones made for the batch": lambda x, _: x + torch.ones(x.size(0), 4, 1, 1),
        "add (N, C, 1, 1)": lambda x, _: x + pooled(x),
        "add (N, C, 1, 1), alpha": lambda x, _: torch.add(x, pooled(x), alpha=2),
        "add (N, 1, H, W)": lambda x, _: flat(x) + x,
        "add (N, 1, H, W) and (N, C, 1, 1)": lambda x, _: flat(x) + pooled(x),
        "add (N, C, H, 1)": lambda x, _: x + x.mean(3, keepdim=True),
        "add a number of all": lambda x, _: x - x.mean(),
        "add Scalar": lambda x, _: torch.ops.aten.add.Scalar(x, 2.0),
        "sub": lambda x, _: x - x.abs(),
        "sub a number": lambda x, _: x - 1.5,
        "sub from a number": lambda x, _: 1.5 - x,
        "sub from a constant": lambda x, net: net.constant - x,
        "sub from (N, C, 1, 1)": lambda x, _: pooled(x) - x,
        "sub Scalar": lambda x, _: torch.ops.aten.sub.Scalar(x, 2.0),
        "rsub": lambda x, _: torch.rsub(x, x.abs(), alpha=2),
        "rsub Scalar": lambda x, _: torch.ops.aten.rsub.Scalar(x, 2.0),
        "mul": lambda x, _: x * x.abs(),
        "mul by a number": lambda x, _: x * -2,
        "mul by a constant": lambda x, net: x * net.constant,
        "mul by a plane": lambda x, net: x * net.plane,
        "mul by a folded constant": lambda x, net: x * (net.constant.abs().sqrt() + net.scalar),
        "mul by a parameter": lambda x, net: x * net.scales,
        "mul by a learnable number": lambda x, net: x * net.factor,
        "mul Scalar": lambda x, _: torch.ops.aten.mul.Scalar(x, 2.0),
        "mul by (N, C, 1, 1)": lambda x, _: torch.sigmoid(pooled(x)) * x,
        "mul by (N, 1, H, W)": lambda x, _: x * torch.sigmoid(flat(x)),
        "mul by (N, C, 1, W)": lambda x, _: x * x.mean(2, keepdim=True),
        "mul by (N, 1, 1, 1)": lambda x, _: x * x.mean((1, 2, 3), keepdim=True),
        "mul (N, 1, H, W) by (N, C, 1, 1)": lambda x, _: flat(x) * pooled(x),
        "mul (N, C, L) by (N, C, 1)": lambda x, _: x.flatten(2) * x.mean((2, 3)).unsqueeze(-1),
        "mul by a number of all": lambda x, _: x * x.mean(),
        "a constant widens (N, 1, H, W)": lambda x, net: flat(x) * net.constant,
        "a constant widens (N, C, 1, 1)": lambda x, net: pooled(x) + net.plane,
        "div": lambda x, _: x / positive(x),
        "div by a number": lambda x, _: x / 3,
        "div by a constant": lambda x, net: x / net.constant,
        "div of a number": lambda x, _: 2 / positive(x),
        "div of a constant": lambda x, net: net.constant / positive(x),
        "div of a larger constant": lambda x, net: net.plane / positive(pooled(x)),
        "div by (N, C, 1, 1)": lambda x, _: x / positive(pooled(x)),
        "div of (N, C, 1, 1)": lambda x, _: pooled(x) / positive(x),
        "div Scalar": lambda x, _: torch.ops.aten.div.Scalar(x, 2.0),
        "true divide": lambda x, _: torch.true_divide(x, 2),
        "neg": lambda x, _: -x,
        "pow": lambda x, _: positive(x) ** 0.75,
        "pow 3": lambda x, _: x**3,
        "pow of a number": lambda x, _: 2.5**x,
        "pow by a constant": lambda x, net: positive(x) ** net.scalar,
        "pow by a parameter": lambda x, net: positive(x) ** net.factor,
        "pow by a value": lambda x, _: positive(x) ** x,
        "square": lambda x, _: x.square(),
        "sqrt": lambda x, _: positive(x).sqrt(),
        "rsqrt": lambda x, _: positive(x).rsqrt(),
        "reciprocal": lambda x, _: positive(x).reciprocal(),
        "addcmul": lambda x, net: torch.addcmul(x, x, positive(x), value=0.5),
        "addcdiv": lambda x, net: torch.addcdiv(net.constant, x, positive(x), value=0.5),
        "lerp": lambda x, _: torch.lerp(x, -x.abs(), 0.3),
        "maximum": lambda x, _: torch.maximum(x, -x),
        "max of two": lambda x, net: torch.max(x, net.plane),
        "max with (N, C, 1, 1)": lambda x, net: torch.maximum(pooled(x), x),
        "minimum": lambda x, _: torch.minimum(x, x * x),
        "min of two": lambda x, net: torch.min(net.constant, x),
        "expand": lambda x, _: flat(x).expand(-1, 4, -1, -1) + 0,
    },
)

contract = Contract("arithmetic", CASES)
test_values, test_gradients = contract.test_values(), contract.test_gradients()
test_real_caffe, test_coverage = contract.test_real_caffe(), contract.test_coverage()


@pytest.mark.parametrize("expand", [lambda y, x: y, lambda y, x: y.expand_as(x)])
def test_an_se_gate_is_four_layers(expand) -> None:
    conversion = convert(Function(lambda x, _: x * expand(torch.sigmoid(pooled(x)), x)), IMAGE)
    assert [layer.type for layer in conversion.net.layer] == ["Input", "Pooling", "Sigmoid", "Flatten", "Scale"]
    assert conversion.net.layer[-1].name == "mul"


@pytest.mark.parametrize(
    ("function", "learned"),
    [
        (lambda x, net: x * net.scales, True),
        (lambda x, net: x * net.factor, True),
        (lambda x, net: x + net.scales.view(1, 4, 1, 1), True),
        (lambda x, net: x * (net.scales + 1), True),
        (lambda x, net: x * net.constant, False),
        (lambda x, net: x + net.plane, False),
    ],
)
def test_parameters_learn_and_constants_do_not(function, learned: bool) -> None:
    layer = convert(Function(function), IMAGE).net.layer[-1]
    assert [param.lr_mult for param in layer.param] == ([] if learned else [0.0])
    model = Function(function).requires_grad_(False)
    frozen = convert(model, IMAGE).net.layer[-1]
    assert frozen.type == "Power" or [param.lr_mult for param in frozen.param] == [0.0]


class LayerScale(nn.Module):
    """What ConvNeXt and its like learn."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gamma = nn.Conv2d(4, 4, 1), nn.Parameter(torch.full((4,), 0.1))

    def forward(self, x):
        return x + self.conv(x) * self.gamma.view(1, -1, 1, 1)


def test_layer_scale_learns() -> None:
    (scale,) = (layer for layer in convert(LayerScale(), IMAGE).net.layer if layer.type == "Scale")
    assert not scale.param


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x, net: x + x.mean(0), "it has lost the batch"),
        (lambda x, net: x * torch.arange(2.0).view(2, 1, 1, 1), "a value of its own for every picture of the batch"),
        (lambda x, net: x / net.scales, "a parameter that learns"),
        (lambda x, net: (-2.0) ** x, "of -2; the base must be above 0"),
    ],
)
def test_what_cannot_be(function, reason: str) -> None:
    with pytest.raises(UnsupportedOpsError, match=reason):
        convert(Function(function), IMAGE)


PAIRS = {
    "sum": lambda a, b: a + 2 * b,
    "difference": lambda a, b: a - b,
    "difference the other way": lambda a, b: b - a,
    "product": lambda a, b: a * b,
    "quotient": lambda a, b: a / (b.abs() + 1),
    "larger": torch.maximum,
    "smaller": torch.minimum,
}


@st.composite
def pairs(draw: st.DrawFn) -> Form:
    """A value with another of fewer places along some axes, or with a constant."""
    shape = draw(shapes(extents=(1, 4)))
    name, constant = draw(st.sampled_from(sorted(PAIRS))), draw(st.booleans())
    short = tuple(draw(st.sets(st.integers(1, len(shape) - 1))))
    extents = [1 if axis in short or axis == 0 else extent for axis, extent in enumerate(shape)]
    array = torch.linspace(-1.3, 1.7, math.prod(extents)).reshape(extents)
    if constant:
        return Form(f"{name} with {tuple(extents)}", lambda x: PAIRS[name](x, array.to(x.dtype)), shape)
    other = (lambda x: x.mean(short, keepdim=True) * 1.1 + 0.2) if short else (lambda x: x * 1.1 + 0.2)
    return Form(f"{name} with a value short along {short}", lambda x: PAIRS[name](x, other(x)), shape)


test_any_form = any_form(pairs())
