"""Pooling sizes: floor in PyTorch, ceiling in Caffe. The thing that converters get wrong."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from converters import Conversion, convert
from converters.ops.adaptive_pool import adaptive_windows
from converters.ops.pool import average_divisors, pooled_size
from tests.converters.parity import assert_parity, assert_parity_in

SIZES, KERNELS, STRIDES, PADS = (5, 6, 7, 8, 13), (1, 2, 3), (1, 2, 3), (0, 1)
GRID = [
    (size, kernel, stride, pad)
    for size, kernel, stride, pad in product(SIZES, KERNELS, STRIDES, PADS)
    if pad <= kernel // 2
]


class Pools(nn.Module):
    """Poolings of every kernel, stride, padding, kind and mode of one input, flattened side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.pools = nn.ModuleList()
        for kernel, stride, pad, ceil in product(KERNELS, STRIDES, PADS, (False, True)):
            if pad <= kernel // 2:
                self.pools.append(nn.MaxPool2d(kernel, stride, pad, ceil_mode=ceil))
                self.pools.append(nn.AvgPool2d(kernel, stride, pad, ceil))
                if pad:
                    self.pools.append(nn.AvgPool2d(kernel, stride, pad, ceil, count_include_pad=False))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.cat([pool(images).flatten(1) for pool in self.pools], 1)


@pytest.fixture(scope="module")
def conversions() -> dict[str, tuple[nn.Module, Conversion]]:
    """Rectangular maps, so that height and width need different cuts."""
    model = Pools()
    shapes = [(1, 2, 7, 8), (1, 1, 6, 13)]
    return {str(shape): (model, convert(model, shape)) for shape in shapes}


def test_all_poolings_in_torchcaffe(conversions: dict[str, tuple[nn.Module, Conversion]]) -> None:
    for model, conversion in conversions.values():
        assert_parity(model, conversion)


@pytest.mark.caffe
def test_all_poolings_in_real_caffe(conversions: dict[str, tuple[nn.Module, Conversion]], tmp_path) -> None:
    assert_parity_in("caffe", {name: conversion for name, (_, conversion) in conversions.items()}, tmp_path)


def test_the_grid_needs_cuts_and_not_everywhere(conversions: dict[str, tuple[nn.Module, Conversion]]) -> None:
    for model, conversion in conversions.values():
        cut = {conversion.modules[layer.name] for layer in conversion.net.layer if layer.type == "Slice"}
        assert 10 < len(cut) < len(model.pools) - 10


@pytest.mark.parametrize(("size", "kernel", "stride", "pad"), GRID)
def test_caffe_never_has_fewer_windows_than_pytorch(size: int, kernel: int, stride: int, pad: int) -> None:
    for ceil in (False, True):
        ours = functional.max_pool1d(torch.zeros(1, 1, size), kernel, stride, pad, ceil_mode=ceil).shape[-1]
        assert pooled_size(size, kernel, stride, pad) - ours in (0, 1)


@pytest.mark.parametrize("count_padding", [True, False])
def test_divisors_are_those_of_pytorch(count_padding: bool) -> None:
    ones = torch.ones(1, 1, 7, 8, dtype=torch.float64)
    kernel, stride, pad = (3, 2), (2, 3), (1, 1)
    for ceil in (False, True):
        average = functional.avg_pool2d(ones, kernel, stride, pad, ceil, count_padding)[0, 0].numpy()
        total = functional.avg_pool2d(ones, kernel, stride, pad, ceil, count_padding, 1)[0, 0].numpy()
        divisors = average_divisors((7, 8), average.shape, kernel, stride, pad, count_padding)
        np.testing.assert_allclose(total / divisors, average, rtol=1e-12)


@pytest.mark.parametrize(("size", "windows"), [(7, 3), (8, 6), (6, 6), (9, 7), (3, 5), (1, 7)])
def test_adaptive_windows_are_those_of_pytorch(size: int, windows: int) -> None:
    values = torch.arange(size, dtype=torch.float64) ** 2
    expected = functional.adaptive_avg_pool1d(values[None, None], windows)[0, 0]
    assert torch.allclose(torch.stack([values[a:b].mean() for a, b in adaptive_windows(size, windows)]), expected)


def test_the_cut_blob_carries_the_name_of_the_pool() -> None:
    conversion = convert(nn.Sequential(nn.MaxPool2d(3, 2), nn.Conv2d(3, 4, 1)), (1, 3, 56, 56))
    layers = {layer.name: layer for layer in conversion.net.layer}
    assert layers["1"].bottom == ["0"]
    assert layers["0"].top == ["0/rounded_up"]
    assert [layer.type for layer in conversion.net.layer if not layer.top] == ["Silence"]
    assert {conversion.modules[name] for name in layers if name.startswith("0/")} == {"0"}
