"""Values under another shape, against PyTorch."""

from __future__ import annotations

from math import prod

import pytest
import torch
from hypothesis import strategies as st

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

IMAGE = (2, 4, 3, 6)

FUNCTIONS = {
    "flatten": lambda x: x.flatten(1),
    "flatten maps": lambda x: x.flatten(2),
    "flatten rows into channels": lambda x: x.flatten(1, 2),
    "unflatten channels": lambda x: x.unflatten(1, (2, 2)),
    "unflatten columns": lambda x: x.unflatten(3, (3, -1)),
    "view": lambda x: x.view(2, 3, 4, 6),
    "merge with the batch": lambda x: (x.reshape(-1, 3, 6) * 2).reshape(2, 4, 18),
    "axes of one": lambda x: x.view(2, 1, 4, 1, 3, 6, 1),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "unsqueeze behind": lambda x: x.unsqueeze(-1),
    "squeeze": lambda x: (x[:, :1] + 1).squeeze(1),
    "squeeze behind": lambda x: (x[..., :1] + 1).squeeze(-1),
    "squeeze two": lambda x: (x[:, :1, :, :1] + 1).squeeze((1, 3)),
    "squeeze all": lambda x: (x[:, :1, :, :1] + 1).squeeze(),
    "not at all": lambda x: x.view(2, 4, 3, 6) + 1,
    "unsafe view": lambda x: torch.ops.aten._unsafe_view(x, [2, 8, 9]),
}


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {"all": make_case(SideBySide(list(FUNCTIONS.values())), IMAGE)}


test_in_torchcaffe, test_in_real_caffe, test_all_is_covered = contract_of("shape", 1e-6)


@st.composite
def shapes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes of as many values with one batch, small factors and ones anywhere."""
    factors = draw(st.lists(st.sampled_from([1, 1, 2, 3]), min_size=1, max_size=5))

    def grouped() -> tuple[int, ...]:
        groups: list[list[int]] = [[]]
        for factor in draw(st.permutations(factors)):
            if draw(st.booleans()):
                groups.append([])
            groups[-1].append(factor)
        return (2, *(prod(group) for group in groups))

    return grouped(), grouped()


@FEW_AND_MANY
def test_any_shape(examples: int, tmp_path) -> None:
    def check(drawn: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
        have, want = drawn
        case = make_case(lambda x: x.reshape(want) * 1.5, have)
        assert_both_ways({str(drawn): case}, tmp_path, 1e-6)

    for_any(shapes(), check, examples)


def test_what_stays_is_not_written_down() -> None:
    net = convert(Function(lambda x: x.view(2, 2, 2, 7, 9).flatten(3) * 2), (2, 4, 7, 9)).net
    params = [layer.reshape_param for layer in net.layer if layer.type == "Reshape"]
    assert [(param.axis, param.num_axes, list(param.shape.dim)) for param in params] == [
        (1, 1, [2, 2]),
        (0, -1, [0, 0, 0, -1]),
    ]


def test_a_number_without_axes_is_refused() -> None:
    with pytest.raises(UnsupportedOpsError, match="to a number without axes"):
        convert(Function(lambda x: x.view(()) + 1), (1, 1))
