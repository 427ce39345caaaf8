"""Values behind each other, against PyTorch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import strategies as st

from converters import UnsupportedOpsError, convert
from tests.converters.ops.any_form import Form, any_form, shapes
from tests.converters.ops.both_ways import (
    Case,
    Function,
    SideBySide,
    contract_of,
    make_case,
)

IMAGE = (2, 4, 3, 5)
MAP = torch.arange(15.0).view(1, 1, 3, 5)

FUNCTIONS = {
    "cat": lambda x: torch.cat([x, x * 2, x + 1], 1),
    "cat over another axis": lambda x: torch.cat([x, x * 2], -1),
    "cat of one": lambda x: torch.cat([x], 1) + 1,
    "cat of the same": lambda x: torch.cat([x, x], 2),
    "cat of a constant": lambda x: torch.cat([x, torch.full((len(x), 2, 3, 5), 0.7)], 1),
    "cat of a constant map": lambda x: torch.cat(
        [torch.arange(15.0).view(1, 1, 3, 5).expand(len(x), -1, -1, -1), x], 1
    ),
    "stack": lambda x: torch.stack([x, x * 2], 1),
    "stack behind": lambda x: torch.stack([x, x * 2, x + 1], -1),
    "expand": lambda x: x[:, :1].expand(-1, 6, -1, -1),
    "expand two": lambda x: x[:, 1:2, :, :1].expand(-1, 3, -1, 4),
    "repeat": lambda x: x.repeat(1, 2, 1, 3),
    "tile": lambda x: x.tile(2, 1, 1),
    "repeat interleave": lambda x: x.repeat_interleave(3, 2),
}


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {
        "all": make_case(SideBySide(list(FUNCTIONS.values())), IMAGE),
        "new axes": make_case(lambda x: x.expand(1, 3, 4, 5) * 2, (1, 4, 5)),
    }


test_in_torchcaffe, test_in_real_caffe, test_all_is_covered = contract_of("concat", 1e-6)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: x.repeat(2, 1, 1, 1), "along the batch"),
        (lambda x: x.expand(3, *x.shape), "it has lost the batch"),
        (lambda x: x.repeat_interleave(2), "without dim"),
    ],
)
def test_what_is_refused(function, reason: str) -> None:
    with pytest.raises(UnsupportedOpsError, match=reason):
        convert(Function(function), IMAGE)


@st.composite
def joinings(draw: st.DrawFn) -> Form:
    shape = draw(shapes(2, 4, (1, 4)))
    axis, count = draw(st.integers(1, len(shape) - 1)), draw(st.integers(1, 3))
    behind = draw(st.integers(1, len(shape)))
    times = (1, *(draw(st.integers(1, 3)) for _ in shape[1:]))
    functions = {
        f"cat of {count} over {axis}": lambda x: torch.cat([x * (place + 1) for place in range(count)], axis) * 1.5,
        f"stack of {count} at {behind}": lambda x: torch.stack([x + place for place in range(count)], behind) * 1.5,
        f"repeat {times}": lambda x: x.repeat(times) * 1.5,
        f"tile {times}": lambda x: x.tile(times) * 1.5,
        f"repeat interleave {count} over {axis}": lambda x: x.repeat_interleave(count, axis) * 1.5,
    }
    name = draw(st.sampled_from(sorted(functions)))
    return Form(name, functions[name], shape)


test_any_form = any_form(joinings())
