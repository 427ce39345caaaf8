"""Fully connected layers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import strategies as st
from torch import nn

from converters import UnsupportedOpsError, convert
from tests.converters.models import Function, layers
from tests.converters.ops.any_form import Form, any_form, shapes, taught
from tests.converters.ops.contract import Contract
from tests.converters.parity import assert_parity

IMAGE = (2, 4, 7, 9)


class PixelMlp(nn.Module):
    """A block of ConvNeXt: channels last between two permutations, read from outside in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.wide, self.narrow = nn.LayerNorm(4), nn.Linear(4, 8), nn.Linear(8, 4, bias=False)
        self.gamma, self.dropout = nn.Parameter(nn.init.uniform_(nn.Linear(1, 4).weight.data[:, 0])), nn.Dropout(0.2)

    def forward(self, x):
        y = self.wide(self.norm(x.permute(0, 2, 3, 1)))
        y = self.dropout(self.narrow(nn.functional.gelu(y))) * self.gamma * 2 + x.permute(0, 2, 3, 1)
        return y.permute(0, 3, 1, 2) + x


class Products(nn.Module):
    """Matrix products by parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Parameter(nn.Linear(5, 6).weight.data.clone())
        self.bias = nn.Parameter(nn.Linear(1, 5).bias.data)

    def forward(self, x):
        return x @ self.wide + x.mm(self.wide) + torch.addmm(self.bias, x, self.wide, beta=0.5, alpha=2)


CASES = {
    "products by a parameter": (Products(), (2, 6)),
    **layers(
        {
            "linear": (nn.Linear(6, 5), (2, 6)),
            "linear, no bias": (nn.Linear(6, 5, bias=False), (2, 6)),
            "linear over the last of four axes": (nn.Linear(9, 5), IMAGE),
            "linear over the last of three axes": (nn.Linear(6, 5), (2, 3, 6)),
        }
    ),
    "linear at each pixel": (PixelMlp(), IMAGE),
}

contract = Contract("linear", CASES)
test_values, test_gradients = contract.test_values(), contract.test_gradients()
test_real_caffe, test_coverage = contract.test_real_caffe(), contract.test_coverage()


def test_the_product_of_two_values_is_refused() -> None:
    with pytest.raises(UnsupportedOpsError, match="attention has no counterpart"):
        convert(Function(lambda x, _: x @ x.transpose(2, 3).relu()), (1, 4, 5, 6))
    with pytest.raises(UnsupportedOpsError, match="of a constant by a value from the right"):
        convert(Function(lambda x, net: net.plane.t() @ x), (1, 4, 5, 6))


def test_channels_that_are_last_for_a_while_need_no_permutation() -> None:
    types = [layer.type for layer in convert(PixelMlp(), IMAGE).net.layer]
    assert types.count("Convolution") == 4  # two of LayerNorm
    assert "Slice" not in types
    assert types.count("InnerProduct") == 0


def test_a_parameter_that_two_layers_use_stays_one_in_caffe() -> None:
    layer = nn.Linear(6, 6)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    conversion = convert(model, (2, 6))
    assert_parity(model, conversion)
    first, second = (each for each in conversion.net.layer if each.type == "InnerProduct")
    assert [param.name for param in first.param] == ["2.weight", "2.bias"]
    assert first.param == second.param


@st.composite
def layers_of_any_shape(draw: st.DrawFn) -> Form:
    shape, outputs = draw(shapes()), draw(st.integers(1, 6))
    layer = nn.Linear(shape[-1], outputs, draw(st.booleans()))
    return Form(str(layer), taught(layer), shape)


test_any_form = any_form(layers_of_any_shape())
