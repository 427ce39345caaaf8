"""Pooling to a given size, against PyTorch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import strategies as st
from torch.nn import functional as F

from converters.ops.adaptive_pool import adaptive_windows
from tests.converters.ops.both_ways import (
    FEW_AND_MANY,
    Case,
    SideBySide,
    assert_both_ways,
    contract_of,
    for_any,
    make_case,
)

MAPS = [
    lambda x, pool=pool, size=size: pool(x, size)
    for pool in (F.adaptive_avg_pool2d, F.adaptive_max_pool2d)
    for size in (1, (7, 9), (3, 3), (5, 4), (1, 4), (7, 3))
] + [lambda x: F.adaptive_avg_pool2d(x, (14, 9))]
LINES = [
    lambda x, pool=pool, size=size: pool(x, size)
    for pool in (F.adaptive_avg_pool1d, F.adaptive_max_pool1d)
    for size in (1, 3, 4)
]
VOLUMES = [
    lambda x, pool=pool, size=size: pool(x, size)
    for pool in (F.adaptive_avg_pool3d, F.adaptive_max_pool3d)
    for size in (1, (2, 2, 3), (3, 2, 2))
]


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {
        "maps": make_case(SideBySide(MAPS), (2, 2, 7, 9)),
        "lines": make_case(SideBySide(LINES), (2, 2, 9)),
        "volumes": make_case(SideBySide(VOLUMES), (2, 2, 4, 3, 6)),
    }


test_in_torchcaffe, test_in_real_caffe, test_all_is_covered = contract_of("adaptive_pool", 1e-6)


@FEW_AND_MANY
def test_any_adaptive_pooling(examples: int, tmp_path) -> None:
    size = st.integers(1, 8)

    def check(drawn: tuple[bool, int, int, int, int]) -> None:
        maximum, height, width, rows, columns = drawn
        function = F.adaptive_max_pool2d if maximum else F.adaptive_avg_pool2d
        case = make_case(lambda x: function(x, (rows, columns)) * 1.5, (1, 2, height, width))
        assert_both_ways({str(drawn): case}, tmp_path, 1e-6)

    for_any(st.tuples(st.booleans(), size, size, size, size), check, examples)


@pytest.mark.parametrize(("size", "windows"), [(7, 3), (8, 6), (6, 6), (9, 7), (3, 5), (1, 7)])
def test_windows_are_those_of_pytorch(size: int, windows: int) -> None:
    values = torch.arange(size, dtype=torch.float64) ** 2
    expected = F.adaptive_avg_pool1d(values[None, None], windows)[0, 0]
    assert torch.allclose(torch.stack([values[a:b].mean() for a, b in adaptive_windows(size, windows)]), expected)
