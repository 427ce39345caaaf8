"""Convolutions over 1 to 3 axes, against PyTorch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.converters.ops.any_form import Form, any_form, taught
from tests.converters.ops.both_ways import (
    Case,
    contract_of,
    make_case,
)

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")


class Side(nn.Module):
    """Layers of one input, their results flattened behind each other."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([layer(x).flatten(1) for layer in self.layers], 1)


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    torch.manual_seed(4)
    maps = Side(
        nn.Conv2d(4, 6, 3),
        nn.Conv2d(4, 6, (3, 2), stride=(1, 2), padding=(0, 1), dilation=(2, 1)),
        nn.Conv2d(4, 8, 3, padding=1, groups=2, bias=False),
        nn.Conv2d(4, 4, 5, padding=2, groups=4),
        nn.Conv2d(4, 6, 3, dilation=2, padding=2),
        nn.Conv2d(4, 6, 3, padding="same"),
        nn.Conv2d(4, 6, (4, 2), padding="same"),
        nn.Conv2d(4, 6, (2, 4), padding="same", dilation=3),
        nn.Conv2d(4, 6, 3, padding="valid"),
        nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"),
    )
    lines = Side(
        nn.Conv1d(4, 6, 3, stride=2, padding=1),
        nn.Conv1d(4, 6, 4, padding="same"),
        nn.Conv1d(4, 4, 3, groups=4, dilation=2),
    )
    volumes = Side(
        nn.Conv3d(2, 4, 3, padding=1, stride=(1, 2, 1)),
        nn.Conv3d(2, 4, (1, 2, 3), padding="same"),
        nn.Conv3d(2, 2, 2, groups=2, bias=False),
    )
    return {
        "maps": make_case(maps, (2, 4, 7, 9)),
        "lines": make_case(lines, (2, 4, 9)),
        "volumes": make_case(volumes, (2, 2, 3, 4, 5)),
        "a net of lines": make_case(
            nn.Sequential(
                nn.Conv1d(3, 8, 5, padding=2),
                nn.BatchNorm1d(8),
                nn.ReLU(),
                nn.MaxPool1d(2),
                nn.Conv1d(8, 8, 3),
                nn.AdaptiveAvgPool1d(1),
                nn.Flatten(),
                nn.Linear(8, 4),
            ),
            (2, 3, 25),
        ),
        "a net of volumes": make_case(
            nn.Sequential(
                nn.Conv3d(2, 4, 3, padding=1),
                nn.BatchNorm3d(4),
                nn.ReLU(),
                nn.MaxPool3d((1, 2, 2)),
                nn.Conv3d(4, 4, 3),
                nn.AdaptiveAvgPool3d(1),
                nn.Flatten(),
                nn.Linear(4, 3),
            ),
            (2, 2, 4, 6, 7),
        ),
    }


test_in_torchcaffe, test_in_real_caffe, test_all_is_covered = contract_of("conv")


@st.composite
def convolutions(draw: st.DrawFn) -> Form:
    axes, groups = draw(st.integers(1, 3)), draw(st.integers(1, 3))

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(axes))

    kernel, dilation, pad = each(1, 3), each(1, 2), each(0, 2)
    sizes = [(k - 1) * d + 1 + more for k, d, more in zip(kernel, dilation, each(0, 4), strict=True)]
    inside, outside = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    kind = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[axes]
    layer = kind(inside, outside, kernel, each(1, 3), pad, dilation, groups, draw(st.booleans()))
    return Form(str(layer), taught(layer), (2, inside, *sizes))


test_any_form = any_form(convolutions())
