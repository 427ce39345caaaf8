"""Normalisation of each picture by itself."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from converters import UnsupportedOpsError, convert
from tests.converters.models import Function, functions, layers
from tests.converters.ops.any_form import Form, any_form, taught
from tests.converters.ops.contract import Contract
from tests.converters.parity import assert_parity

IMAGE = (1, 4, 5, 6)

CASES = {
    **layers(
        {
            "group norm": (nn.GroupNorm(2, 4), IMAGE),
            "group norm of rows": (nn.GroupNorm(2, 6), (2, 6)),
            "instance norm": (nn.InstanceNorm2d(4, affine=True), IMAGE),
            "instance norm, running statistics": (nn.InstanceNorm2d(4, affine=True, track_running_stats=True), IMAGE),
            "instance norm 1d": (nn.InstanceNorm1d(4), (1, 4, 6)),
            "instance norm 3d": (nn.InstanceNorm3d(3), (1, 3, 2, 4, 3)),
            "layer norm": (nn.LayerNorm((4, 5, 6)), IMAGE),
            "layer norm of rows": (nn.LayerNorm(7), (2, 7)),
            "layer norm of tokens": (nn.LayerNorm(7), (2, 3, 7)),
            "layer norm, no bias": (nn.LayerNorm(6, bias=False), IMAGE),
            "rms norm": (nn.RMSNorm(6), IMAGE),
        }
    ),
    **functions(
        IMAGE,
        {
            "group norm, not affine": lambda x, _: F.group_norm(x, 2, eps=0.1),
            "instance norm, not affine": lambda x, _: F.instance_norm(x),
            "rms norm, not affine": lambda x, _: F.rms_norm(x, (5, 6), eps=1e-3),
        },
    ),
}


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of each pixel, as ConvNeXt writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = layers({"": (nn.LayerNorm(4), IMAGE)})[""][0]

    def forward(self, x):
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


CASES["layer norm over channels"] = (ChannelNorm(), IMAGE)

contract = Contract("group_norm", CASES)
test_values, test_gradients = contract.test_values(), contract.test_gradients()
test_real_caffe, test_coverage = contract.test_real_caffe(), contract.test_coverage()


def test_instance_norm_keeps_to_maps_of_any_size() -> None:
    conversion = convert(nn.InstanceNorm2d(4), IMAGE)
    assert [layer.type for layer in conversion.net.layer] == ["Input", "MVN", "Power", "Reduction", "Power", "Scale"]


def test_a_large_mean_does_not_hurt() -> None:
    model = Function(lambda x, _: F.group_norm(x + 30, 2))
    assert_parity(model, convert(model, IMAGE))


def test_over_the_batch() -> None:
    with pytest.raises(UnsupportedOpsError, match="over all axes, the batch among them"):
        convert(Function(lambda x, _: F.layer_norm(x, x.shape)), IMAGE)


@st.composite
def norms(draw: st.DrawFn) -> Form:
    channels, maps = 2 * draw(st.integers(1, 3)), draw(st.lists(st.integers(3, 5), min_size=1, max_size=3))
    shape, eps = (2, channels, *maps), draw(st.sampled_from([1e-5, 1e-2]))
    affine = draw(st.booleans())
    instance = {1: nn.InstanceNorm1d, 2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}[len(maps)]
    last = shape[draw(st.integers(1, len(shape) - 1)) :]
    layer = draw(
        st.sampled_from(
            [
                nn.GroupNorm(2, channels, eps, affine),
                nn.GroupNorm(channels, channels, eps, affine),
                instance(channels, eps, affine=affine),
                nn.LayerNorm(last, eps, affine),
            ]
        )
    )
    return Form(str(layer), taught(layer), shape)


test_any_form = any_form(norms())
