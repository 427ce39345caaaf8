"""Slices, pieces, picked and turned places, against PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor

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

IMAGE = (2, 6, 7, 9)
INDICES = torch.tensor([4, 0, 0, 5])

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "channels": lambda x: x[:, 1:4],
    "rows from the front": lambda x: x[:, :, 2:],
    "rows to the end less one": lambda x: x[:, :, :-1],
    "both ends": lambda x: x[:, :, 1:-2, 2:-1],
    "the last two": lambda x: x[..., -2:],
    "in the middle": lambda x: x[:, :, 2:5, 3:8],
    "every second": lambda x: x[:, :, ::2, ::2],
    "every second from the second": lambda x: x[:, :, 1::2, 1::3],
    "every second of a range": lambda x: x[:, :, 1:6:2],
    "every second channel": lambda x: x[:, ::2],
    "select": lambda x: x[:, 2],
    "select the last": lambda x: x[:, :, -1],
    "select a column": lambda x: x.select(3, 4),
    "narrow": lambda x: x.narrow(2, 1, 3),
    "all": lambda x: x[:, :, :] + 1,
    "chunk": lambda x: torch.cat(x.chunk(3, 1)[::-1], 1),
    "chunk unequal": lambda x: torch.cat(x.chunk(2, 2)[::-1], 2),
    "chunk of one": lambda x: x.chunk(1, 1)[0] + 1,
    "split": lambda x: torch.cat(x.split(4, 1)[::-1], 1),
    "split with sizes": lambda x: torch.cat(x.split([1, 3, 2], 1)[::-1], 1),
    "one piece is read": lambda x: x.split([1, 3, 2], 1)[1],
    "tensor split": lambda x: torch.cat(torch.tensor_split(x, 4, 3)[::-1], 3),
    "tensor split at": lambda x: torch.cat(torch.tensor_split(x, (2, 3), 3)[::-1], 3),
    "unbind": lambda x: x.unbind(1)[0] * x.unbind(1)[3],
    "index select": lambda x: x.index_select(1, INDICES),
    "indices": lambda x: x[:, INDICES],
    "list of indices": lambda x: x[:, :, [3, 1]],
    "table of indices": lambda x: x[:, torch.tensor([[0, 1], [5, 3]])],
    "flip": lambda x: x.flip(3),
    "flip twice": lambda x: x.flip((1, 2)),
    "roll": lambda x: x.roll(2, 3),
    "roll two axes": lambda x: x.roll((1, -3), (1, 2)),
    "new axis": lambda x: x[:, None, :, 0],
    "ellipsis": lambda x: x[..., 1:3, :],
}


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    """One net for all functions, and one each of 3-D and 2-D values."""
    return {
        "four axes": make_case(SideBySide(list(FUNCTIONS.values())), IMAGE),
        "three axes": make_case(
            SideBySide([lambda x: x[:, 1:3], lambda x: x[:, :, 1::2], lambda x: x[..., :-1]]), (2, 4, 9)
        ),
        "two axes": make_case(SideBySide([lambda x: x[:, ::2], lambda x: x[:, 2:4], lambda x: x.flip(1)]), (2, 9)),
        "five axes": make_case(SideBySide([lambda x: x[:, :, 1::2, :, :-1], lambda x: x.flip(2)]), (2, 2, 3, 4, 5)),
    }


@pytest.mark.long
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_form_of_slicing(name: str, tmp_path) -> None:
    assert_both_ways({name: make_case(lambda x: FUNCTIONS[name](x) * 1.5, IMAGE)}, tmp_path, 1e-6)


test_in_torchcaffe, test_in_real_caffe, test_all_is_covered = contract_of("slice", 1e-6)


@st.composite
def slicings(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[slice, ...]]:
    """A shape of 2 to 5 axes, and a slice of every axis but the batch that keeps something."""
    shape = (1, *draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    slices = [slice(None)]
    for extent in shape[1:]:
        bounds = st.none() | st.integers(-extent, extent)
        found = draw(
            st.builds(slice, bounds, bounds, st.integers(1, 3)).filter(lambda s, n=extent: range(n)[s])  # type: ignore[misc]
        )
        slices.append(found)
    return shape, tuple(slices)


@FEW_AND_MANY
def test_any_slice(examples: int, tmp_path) -> None:
    def check(drawn) -> None:
        shape, slices = drawn
        assert_both_ways({str(drawn): make_case(lambda x: x[slices] * 1.5, shape)}, tmp_path, 1e-6)

    for_any(slicings(), check, examples)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: x[:, :, torch.tensor([0, 1]), torch.tensor([1, 2])], "several arrays of indices"),
        (lambda x: x.roll(1), "without dims"),
        (lambda x: x.flip(0), "along the batch"),
        (lambda x: x[:, 3:3], "down to nothing"),
    ],
)
def test_what_is_refused(function: Callable[[Tensor], Tensor], reason: str) -> None:
    with pytest.raises(UnsupportedOpsError, match=reason):
        convert(Function(function), (12, 6, 7, 9))
