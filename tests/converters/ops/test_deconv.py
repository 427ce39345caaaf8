"""Transposed convolutions, against PyTorch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.converters.ops.both_ways import (
    FEW_AND_MANY,
    Case,
    assert_both_ways,
    contract_of,
    for_any,
    make_case,
)


class Side(nn.Module):
    """Layers of one input, their results flattened behind each other."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([layer(x).flatten(1) for layer in self.layers], 1)


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    deconv = nn.ConvTranspose2d
    maps = Side(
        deconv(4, 6, 3),
        deconv(4, 6, 2, stride=2, bias=False),
        deconv(4, 6, 3, stride=2, padding=1, output_padding=1),
        deconv(4, 6, (3, 4), stride=(2, 3), padding=(0, 2), output_padding=(1, 0), groups=2),
        deconv(4, 4, 3, stride=2, groups=4, dilation=2, padding=2, output_padding=1),
        deconv(4, 6, 3, dilation=2, stride=3, output_padding=2),
        deconv(4, 2, 3, dilation=3, padding=1, output_padding=2, bias=False),
    )
    lines = Side(nn.ConvTranspose1d(4, 3, 4, stride=2, padding=1), nn.ConvTranspose1d(4, 6, 3, 2, 1, 1, 2))
    volumes = Side(nn.ConvTranspose3d(2, 3, 2, stride=2), nn.ConvTranspose3d(2, 3, 3, 2, 1, 1))
    return {
        "maps": make_case(maps, (2, 4, 5, 4)),
        "lines": make_case(lines, (2, 4, 7)),
        "volumes": make_case(volumes, (1, 2, 2, 3, 2)),
    }


test_in_torchcaffe, test_in_real_caffe, test_all_is_covered = contract_of("deconv")


@st.composite
def layers(draw: st.DrawFn) -> nn.ConvTranspose2d:
    """Any transposed convolution of 4 channels."""
    small = st.integers(1, 3)
    stride, dilation = draw(small), draw(small)
    return nn.ConvTranspose2d(
        4,
        draw(st.sampled_from([2, 4])),
        draw(st.tuples(small, small)),
        stride=stride,
        padding=draw(st.tuples(st.integers(0, 2), st.integers(0, 2))),
        output_padding=draw(st.integers(0, max(stride, dilation) - 1)),
        groups=draw(st.sampled_from([1, 2])),
        bias=draw(st.booleans()),
        dilation=dilation,
    )


@FEW_AND_MANY
def test_any_transposed_convolution(examples: int, tmp_path) -> None:
    def check(layer: nn.ConvTranspose2d) -> None:
        assert_both_ways({str(layer): make_case(layer, (1, 4, 5, 6))}, tmp_path)

    for_any(layers(), check, examples)
