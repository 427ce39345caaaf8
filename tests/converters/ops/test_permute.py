"""Axes in another order, against PyTorch."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from torch.nn import functional as F

from converters.ops import permute
from tests.converters.ops.both_ways import (
    FEW_AND_MANY,
    Case,
    SideBySide,
    assert_both_ways,
    contract_of,
    for_any,
    make_case,
)

IMAGE = (2, 12, 9, 11)

FUNCTIONS = {
    "channels last": lambda x: x.permute(0, 2, 3, 1),
    "channels last and back": lambda x: (x.permute(0, 2, 3, 1) * 2).permute(0, 3, 1, 2),
    "rows and columns": lambda x: x.transpose(2, 3),
    "all turned round": lambda x: x.permute(0, 3, 2, 1),
    "few channels": lambda x: x[:, :3].transpose(1, 2),
    "movedim": lambda x: x.movedim(1, 3),
    "swapaxes": lambda x: x.swapaxes(-1, 1),
    "only an axis of one": lambda x: x[:, :1].permute(0, 2, 3, 1),
    "channel shuffle": lambda x: F.channel_shuffle(x, 3),
    "channel shuffle by hand": lambda x: x.view(2, 3, 4, 9, 11).transpose(1, 2).reshape(2, 12, 9, 11),
    "pixel shuffle": lambda x: F.pixel_shuffle(x, 2),
    "pixel shuffle by hand": lambda x: x.view(2, 3, 2, 2, 9, 11).permute(0, 1, 4, 2, 5, 3).reshape(2, 3, 18, 22),
    "pixel unshuffle": lambda x: F.pixel_unshuffle(x[:, :, :, :9], 3),
    "windows": lambda x: x[:, :, :8, :8].reshape(2, 12, 2, 4, 2, 4).permute(0, 2, 4, 3, 5, 1).reshape(2, 4, 16, 12),
    "through the batch": lambda x: (x.mul(1).flatten(2).transpose(0, 1) * 2).transpose(0, 1),
}


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {
        "all": make_case(SideBySide(list(FUNCTIONS.values())), IMAGE),
        "t": make_case(lambda x: (x.t() * 2).t() * 1.5, (2, 12)),
    }


test_in_torchcaffe, test_in_real_caffe, test_all_is_covered = contract_of("permute", 1e-6)


@st.composite
def permutations(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A shape of 2 to 6 axes and an order of them that leaves the batch where it is."""
    behind = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    order = draw(st.permutations(range(1, len(behind) + 1)))
    return (2, *behind), (0, *order)


@FEW_AND_MANY
@pytest.mark.parametrize("most_pieces", [2, 8])
def test_any_order(examples: int, most_pieces: int, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(permute, "MOST_PIECES", most_pieces)

    def check(drawn: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        shape, order = drawn
        case = make_case(lambda x: x.permute(order) * 1.5, shape)
        assert_both_ways({str(drawn): case}, tmp_path, 1e-6)

    for_any(permutations(), check, examples)


def test_rows_and_columns_stay_free(tmp_path) -> None:
    for function in (FUNCTIONS["channels last and back"], lambda x: F.pixel_shuffle(F.channel_shuffle(x, 2), 2)):
        assert_both_ways({"other size": make_case(function, (1, 12, 9, 11)).at((3, 12, 5, 14))}, tmp_path, 1e-6)
