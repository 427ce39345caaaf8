"""Convolutions, pooling, pads and shapes in OpenCV, and what all arithmetic layers have in common."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from converters import Conversion, convert
from converters.engines import ENGINES, Job, NotSupportedError
from converters.example_inputs import example_inputs
from converters.verification import write_files
from tests.converters.models import Function, Taught
from tests.converters.parity import assert_parity_in

IMAGE = (2, 4, 7, 9)


LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "conv2d": (nn.Conv2d(4, 6, 3), IMAGE),
    "conv2d rectangular": (nn.Conv2d(4, 6, (3, 2), stride=(1, 2), padding=(0, 1), dilation=(2, 1)), IMAGE),
    "conv2d groups, no bias": (nn.Conv2d(4, 8, 3, padding=1, groups=2, bias=False), IMAGE),
    "conv2d depthwise": (nn.Conv2d(4, 4, 5, padding=2, groups=4), IMAGE),
    "conv2d dilated": (nn.Conv2d(4, 6, 3, dilation=2, padding=2), IMAGE),
    "conv2d same": (nn.Conv2d(4, 6, 3, padding="same"), IMAGE),
    "conv2d same, even kernel": (nn.Conv2d(4, 6, (4, 2), padding="same"), IMAGE),
    "conv2d same, even kernel, dilated": (nn.Conv2d(4, 6, (2, 4), padding="same", dilation=3), IMAGE),
    "conv2d valid": (nn.Conv2d(4, 6, 3, padding="valid"), IMAGE),
}

FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "max pool": lambda x, _: functional.max_pool2d(x, 3, 2),
    "max pool, padded": lambda x, _: functional.max_pool2d(x, (2, 3), (2, 1), (1, 0)),
    "max pool with indices": lambda x, _: functional.max_pool2d(x, 2, return_indices=True)[0],
    "average pool": lambda x, _: functional.avg_pool2d(x, 3, 2, 1),
    "average pool, padding not counted": lambda x, _: functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "average pool, own divisor": lambda x, _: functional.avg_pool2d(x, 3, 2, 1, divisor_override=5),
    "adaptive average to 1": lambda x, _: functional.adaptive_avg_pool2d(x, 1),
    "adaptive average to its own size": lambda x, _: functional.adaptive_avg_pool2d(x + 1, (7, 9)),
    "adaptive average, alike windows": lambda x, _: functional.adaptive_avg_pool2d(x, (3, 3)),
    "adaptive average, other windows": lambda x, _: functional.adaptive_avg_pool2d(x, (5, 4)),
    "adaptive average, larger": lambda x, _: functional.adaptive_avg_pool2d(x, (14, 9)),
    "adaptive maximum": lambda x, _: functional.adaptive_max_pool2d(x, (3, 3)),
    "pad": lambda x, _: functional.pad(x, (2, 2, 1, 1)),
    "pad, unlike sides": lambda x, _: functional.pad(x, (0, 2, 3, 1)),
    "pad with a value": lambda x, _: functional.pad(x, (1, 0), value=0.5),
    "constant pad": lambda x, _: torch.constant_pad_nd(x, (1, 1), 0.5),
    "cat": lambda x, _: torch.cat([x, x * 2, x + 1], 1),
    "cat over another axis": lambda x, _: torch.cat([x, x * 2], 2),
    "flatten": lambda x, _: x.flatten(1),
    "view": lambda x, _: x.view(2, 2, 2, 63),
    "reshape that moves the batch": lambda x, _: x.reshape(-1, 7, 9),
    "squeeze and unsqueeze": lambda x, _: x.mul(2).unsqueeze(2).squeeze(2) + x,
    "squeeze": lambda x, _: functional.adaptive_avg_pool2d(x, 1).squeeze() + 1,
    "squeeze of two axes": lambda x, _: functional.adaptive_avg_pool2d(x, 1).squeeze((2, 3)) + 1,
}

CASES: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    **{name: (Taught(layer), shape) for name, (layer, shape) in LAYERS.items()},
    **{name: (Function(function), IMAGE) for name, function in FUNCTIONS.items()},
}

# What OpenCV lacks or computes otherwise: Tile, a Convolution along another axis than the channels, Reshape with
# num_axes: 0.
OPENCV_GAPS = {
    "average pool, padding not counted",
    "adaptive average, other windows",
    "adaptive average, larger",
    "squeeze and unsqueeze",
}

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")


@pytest.fixture(scope="module")
def conversions() -> dict[str, Conversion]:
    return {name: convert(model, shape) for name, (model, shape) in CASES.items()}


@pytest.mark.opencv4
def test_opencv_agrees_or_its_gap_is_listed(conversions: dict[str, Conversion], tmp_path) -> None:
    refused = set()
    for name, conversion in conversions.items():
        try:
            assert_parity_in("opencv", {name: conversion}, tmp_path)
        except NotSupportedError:
            refused.add(name)
    assert refused == OPENCV_GAPS


def test_arithmetic_blobs_are_frozen() -> None:
    conversion = convert(Function(FUNCTIONS["pad"]), IMAGE)
    (pad,) = (layer for layer in conversion.net.layer if layer.type == "Convolution")
    assert [(param.lr_mult, param.decay_mult) for param in pad.param] == [(0, 0)]


def test_the_batch_can_be_changed(tmp_path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d((3, 2)), nn.Flatten(), nn.ReLU(), nn.Linear(24, 5))
    conversion = convert(model, (1, 3, 8, 8))
    files = write_files(conversion, tmp_path)
    images = example_inputs((5, 3, 8, 8))[0]
    (result,) = ENGINES["torchcaffe"].run([Job(files.prototxt, files.caffemodel, (images,), (("4", 0),))])
    assert torch.allclose(torch.from_numpy(result["4", 0]), model(torch.from_numpy(images)), atol=1e-6)
