"""Padding and cutting, against PyTorch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume
from hypothesis import strategies as st
from torch.nn import functional as F

from converters import UnsupportedOpsError, convert
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

IMAGE = (2, 3, 5, 6)

FUNCTIONS = {
    "zeros": lambda x: F.pad(x, (2, 2, 1, 1)),
    "unlike sides": lambda x: F.pad(x, (0, 2, 3, 1)),
    "a number": lambda x: F.pad(x, (1, 0), value=0.7),
    "constant pad": lambda x: torch.constant_pad_nd(x, (1, 1), 0.5),
    "channels": lambda x: F.pad(x, (0, 0, 0, 0, 1, 2)),
    "channels and rows, a number": lambda x: F.pad(x, (0, 0, 2, 1, 1, 0), value=2.0),
    "cut": lambda x: F.pad(x, (-1, -2, 0, -1)),
    "cut and pad": lambda x: F.pad(x, (-1, 2, 1, -2)),
    "cut channels": lambda x: F.pad(x, (0, 0, 0, 0, -1, 1)),
    "nothing": lambda x: F.pad(x, (0, 0)) + 1,
    "reflect": lambda x: F.pad(x, (2, 1, 1, 3), mode="reflect"),
    "reflect, many": lambda x: F.pad(x, (5, 5, 0, 0), mode="reflect"),
    "replicate": lambda x: F.pad(x, (2, 0, 1, 1), mode="replicate"),
    "circular": lambda x: F.pad(x, (1, 2, 3, 0), mode="circular"),
    "replicate and cut": lambda x: F.pad(x, (-1, 1, 2, -1), mode="replicate"),
    "strided shortcut with more channels": lambda x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1)),
}


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {
        "four axes": make_case(SideBySide(list(FUNCTIONS.values())), IMAGE),
        "three axes": make_case(
            SideBySide([lambda x: F.pad(x, (1, 3), value=0.5), lambda x: F.pad(x, (2, 1), mode="reflect")]), (2, 3, 6)
        ),
        "two axes": make_case(lambda x: F.pad(x, (1, 3), value=0.5), (2, 6)),
        "five axes": make_case(
            SideBySide([lambda x: F.pad(x, (1, 1, 0, 2, 1, 0)), lambda x: F.pad(x, (1,) * 6, mode="replicate")]),
            (2, 2, 3, 4, 3),
        ),
    }


test_in_torchcaffe, test_in_real_caffe, test_all_is_covered = contract_of("pad", 1e-6)


@st.composite
def pads(draw: st.DrawFn) -> tuple[tuple[int, ...], list[int], str, float]:
    """Shape, amounts, mode and number, as PyTorch takes them."""
    mode = draw(st.sampled_from(["constant", "reflect", "replicate", "circular"]))
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=4, max_size=4)))
    axes = draw(st.integers(1, 3)) if mode == "constant" else 2
    amounts = []
    for extent in shape[::-1][:axes]:
        most = {"reflect": extent - 1, "circular": extent}.get(mode, 4)
        least = 1 - extent if mode == "constant" else 0
        before, after = draw(st.integers(least, most)), draw(st.integers(least, most))
        assume(extent + before + after > 0)
        amounts += [before, after]
    return shape, amounts, mode, draw(st.sampled_from([0.0, -1.25]))


@FEW_AND_MANY
def test_any_pad(examples: int, tmp_path) -> None:
    def check(drawn: tuple[tuple[int, ...], list[int], str, float]) -> None:
        shape, amounts, mode, value = drawn
        number = value if mode == "constant" else None
        case = make_case(lambda x: F.pad(x, amounts, mode, number) * 1.5, shape)
        assert_both_ways({str(drawn): case}, tmp_path, 1e-6)

    for_any(pads(), check, examples)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: F.pad(x, (1, 1), value=float("-inf")), "give that the padding"),
        (lambda x: F.pad(x, (0, 0, 0, 0, 0, 0, 1, 1)), "of the batch"),
    ],
)
def test_what_is_refused(function, reason: str) -> None:
    with pytest.raises(UnsupportedOpsError, match=reason):
        convert(Function(function), IMAGE)
