"""The nets of ``examples/nets`` convert, and compute in torchcaffe and in real Caffe what they do in PyTorch."""

from __future__ import annotations

from functools import cache
from importlib import import_module

import pytest
import torch
from torch import nn

from converters import Conversion, convert
from prototxt.net.input_size import fixed_input_size
from tests.converters.parity import assert_parity, assert_parity_in

SHAPES = {
    "unet": (1, 3, 16, 24),
    "se_resnet": (1, 3, 32, 32),
    "cbam": (1, 3, 12, 12),
    "shufflenet": (1, 3, 32, 32),
    "fpn": (1, 3, 16, 24),
    "upscaler": (1, 3, 8, 10),
    "siamese": {"first": (1, 1, 28, 28), "second": (1, 1, 28, 28)},
    "text_reader": (1, 9),
}


@cache
def converted(name: str) -> tuple[nn.Module, Conversion]:
    """The example with statistics of normalisation that are not the initial ones."""
    torch.manual_seed(0)
    model = import_module(f"examples.nets.{name}").make()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model, convert(model, SHAPES[name], softmax=False)


@pytest.mark.parametrize("name", SHAPES)
def test_in_torchcaffe(name: str) -> None:
    assert_parity(*converted(name))


@pytest.mark.caffe
def test_in_real_caffe(tmp_path) -> None:
    assert_parity_in("caffe", {name: converted(name)[1] for name in SHAPES}, tmp_path)


def test_which_of_them_take_every_size() -> None:
    free = {name for name in SHAPES if fixed_input_size(converted(name)[1].net) is None}
    assert free == {"unet", "se_resnet", "shufflenet", "fpn", "text_reader"}
