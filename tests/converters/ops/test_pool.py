"""Pooling: PyTorch rounds the number of windows down, Caffe up. The thing that converters get wrong."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import assume
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from converters import UnsupportedOpsError, convert
from converters.ops.pool import Windows, average_divisors
from tests.converters.ops.both_ways import (
    FEW_AND_MANY,
    Case,
    Function,
    SideBySide,
    assert_both_ways,
    contract_of,
    for_any,
    make_case,
)
from tests.converters.parity import assert_parity

MAPS = [
    lambda x: F.max_pool2d(x, 3, 2),
    lambda x: F.max_pool2d(x, (2, 3), (2, 1), (1, 0)),
    lambda x: F.max_pool2d(x, 2, 3, ceil_mode=True),
    lambda x: F.max_pool2d(x, 2, return_indices=True)[0],
    lambda x: F.max_pool2d(x, 3, 2, 1, dilation=2),
    lambda x: F.max_pool2d(x, (2, 3), 1, dilation=(3, 1), ceil_mode=True),
    lambda x: F.avg_pool2d(x, 3, 2, 1),
    lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
    lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
    lambda x: F.avg_pool2d(x, 3, 2, 1, divisor_override=5),
    lambda x: F.avg_pool2d(x, 3, 2, ceil_mode=True, divisor_override=5),
]
LINES = [
    lambda x: F.max_pool1d(x, 3, 2),
    lambda x: F.avg_pool1d(x, 3, 2, 1, count_include_pad=False),
    lambda x: F.max_pool1d(x, 2, 1, 0, 3),
]
VOLUMES = [
    lambda x: F.max_pool3d(x, 2, ceil_mode=True),
    lambda x: F.max_pool3d(x, 3, 2, 1),
    lambda x: F.max_pool3d(x, 2, 1, dilation=2),
    lambda x: F.max_pool3d(x, 2, return_indices=True)[0],
    lambda x: F.avg_pool3d(x, (3, 2, 1), (2, 2, 1), (1, 0, 0)),
    lambda x: F.avg_pool3d(x, 3, 2, 1, count_include_pad=False),
    lambda x: F.avg_pool3d(x, 2, divisor_override=3),
]
GRID = [
    (size, kernel, stride, pad)
    for size, kernel, stride, pad in product((5, 6, 7, 8, 13), (1, 2, 3), (1, 2, 3), (0, 1))
    if pad <= kernel // 2
]


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {
        "maps": make_case(SideBySide(MAPS), (2, 2, 7, 10)),
        "lines": make_case(SideBySide(LINES), (2, 2, 10)),
        "volumes": make_case(SideBySide(VOLUMES), (2, 2, 5, 4, 6)),
    }


test_in_torchcaffe, test_in_real_caffe, test_all_is_covered = contract_of("pool", 1e-6)


@st.composite
def pools(draw: st.DrawFn) -> tuple[tuple[int, ...], str, dict[str, object]]:
    """Height and width, "max" or "avg", and the arguments of a pooling that gives something."""
    method = draw(st.sampled_from(["max", "avg"]))
    small = st.integers(1, 3)
    kernel, stride = draw(st.tuples(small, small)), draw(st.tuples(small, small))
    pad = tuple(draw(st.integers(0, size // 2)) for size in kernel)
    how: dict[str, object] = {"kernel_size": kernel, "stride": stride, "padding": pad, "ceil_mode": draw(st.booleans())}
    if method == "max":
        how["dilation"] = draw(st.integers(1, 2))
    else:
        how["count_include_pad"] = draw(st.booleans())
        how["divisor_override"] = draw(st.sampled_from([None, 3]))
    size = draw(st.tuples(st.integers(3, 9), st.integers(3, 9)))
    spans = [n + 2 * p - 2 * (k - 1) for n, p, k in zip(size, pad, kernel, strict=True)]
    assume(min(spans) >= 1)
    return size, method, how


def test_padding_along_one_axis_counts_for_both(tmp_path) -> None:
    how = {"kernel_size": (1, 2), "stride": (2, 3), "padding": (0, 1), "ceil_mode": True}
    case = make_case(lambda x: F.avg_pool2d(x, **how) * 1.5, (1, 2, 8, 7))
    assert_both_ways({"padded along one axis": case}, tmp_path, 1e-6)


@FEW_AND_MANY
def test_any_pooling(examples: int, tmp_path) -> None:
    def check(drawn: tuple[tuple[int, ...], str, dict[str, object]]) -> None:
        size, method, how = drawn
        function = {"max": F.max_pool2d, "avg": F.avg_pool2d}[method]
        case = make_case(lambda x: function(x, **how) * 1.5, (1, 2, *size))
        assert_both_ways({str(drawn): case}, tmp_path, 1e-6)

    for_any(pools(), check, examples)


@pytest.mark.parametrize(("size", "kernel", "stride", "pad"), GRID)
def test_windows_are_counted_as_both_do(size: int, kernel: int, stride: int, pad: int) -> None:
    for ceil in (False, True):
        windows = Windows(kernel, stride, pad, ceil)
        ours = F.max_pool1d(torch.zeros(1, 1, size), kernel, stride, pad, ceil_mode=ceil).shape[-1]
        assert windows.count(size) == ours
        for padded in {pad > 0, True}:  # along this axis, or along the other one
            assert windows.in_caffe(size, padded) - ours in ((0, 1) if windows.may_differ(padded) else (0,))
        if windows.reference:
            of_zeros = windows.reference
            assert (
                F.conv1d(torch.zeros(1, 1, size), torch.zeros(1, 1, of_zeros.kernel), None, stride, of_zeros.pad).shape[
                    -1
                ]
                == ours
            )


def test_divisors_are_those_of_pytorch() -> None:
    ones = torch.ones(1, 1, 7, 8, dtype=torch.float64)
    kernel, stride, pad = (3, 2), (2, 3), (1, 1)
    for ceil in (False, True):
        windows = [Windows(*each, ceil) for each in zip(kernel, stride, pad, strict=True)]
        average = F.avg_pool2d(ones, kernel, stride, pad, ceil)[0, 0].numpy()
        total = F.avg_pool2d(ones, kernel, stride, pad, ceil, divisor_override=1)[0, 0].numpy()
        np.testing.assert_allclose(total / average_divisors((7, 8), average.shape, windows), average, rtol=1e-12)


def test_a_cut_pool_is_right_at_every_size(tmp_path) -> None:
    """One that needs no cut at the size of the conversion is too, in a net that other sizes can pass through."""
    model = nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2), nn.Conv2d(2, 3, 1), nn.AdaptiveAvgPool2d(1))
    case = make_case(model, (1, 2, 16, 17))
    assert_both_ways({str(size): case.at((2, 2, *size)) for size in ((16, 17), (17, 16), (13, 19))}, tmp_path)


def test_pooling_by_a_norm() -> None:
    model = Function(lambda x: F.lp_pool2d(x, 2, 3, 2))
    assert_parity(model, convert(model, (1, 2, 7, 8)))


def test_the_cut_blob_carries_the_name_of_the_pool() -> None:
    conversion = convert(nn.Sequential(nn.MaxPool2d(3, 2), nn.Conv2d(3, 4, 1)), (1, 3, 56, 56))
    layers = {layer.name: layer for layer in conversion.net.layer}
    assert layers["1"].bottom == ["0"]
    assert [layers[name].type for name in ("0/pooled", "0/size", "0")] == ["Pooling", "Convolution", "Crop"]
    assert list(layers["0/size"].propagate_down) == [False]
    assert not any(layer.type in ("Slice", "Silence") for layer in conversion.net.layer)


def test_indices_that_somebody_reads_are_refused() -> None:
    with pytest.raises(UnsupportedOpsError, match="does not undo a pooling by its indices"):
        convert(Function(lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2)), (1, 2, 8, 8))
