"""Maps of another size, against PyTorch."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import strategies as st
from torch.nn import functional as F

from tests.converters.ops.both_ways import (
    FEW_AND_MANY,
    Case,
    SideBySide,
    assert_both_ways,
    contract_of,
    for_any,
    make_case,
)

resize = partial(partial, F.interpolate)
corners = partial(resize, align_corners=True)

MAPS = [
    resize(scale_factor=2),
    resize(scale_factor=(3, 1)),
    resize(scale_factor=1.6),
    resize(size=(7, 4)),
    resize(scale_factor=0.5),
    resize(size=(7, 9), mode="nearest-exact"),
    resize(scale_factor=2, mode="nearest-exact"),
    resize(scale_factor=2, mode="bilinear"),
    resize(scale_factor=(3, 4), mode="bilinear"),
    resize(scale_factor=1.5, mode="bilinear"),
    resize(scale_factor=1.7, mode="bilinear", recompute_scale_factor=True),
    resize(size=(3, 9), mode="bilinear"),
    resize(size=(3, 3), mode="bilinear", antialias=True),
    corners(scale_factor=2, mode="bilinear"),
    corners(size=(9, 3), mode="bilinear"),
    resize(scale_factor=2, mode="bicubic"),
    corners(size=(7, 6), mode="bicubic"),
    resize(size=(3, 3), mode="bicubic", antialias=True),
]
LINES = [
    resize(scale_factor=2),
    resize(size=7, mode="nearest-exact"),
    resize(scale_factor=2, mode="linear"),
    corners(size=7, mode="linear"),
]
VOLUMES = [
    resize(scale_factor=2),
    resize(size=(4, 5, 3), mode="nearest-exact"),
    resize(scale_factor=2, mode="trilinear"),
    corners(size=(5, 3, 4), mode="trilinear"),
]


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {
        "maps": make_case(SideBySide(MAPS), (2, 3, 5, 6)),
        "lines": make_case(SideBySide(LINES), (2, 3, 5)),
        "volumes": make_case(SideBySide(VOLUMES), (1, 2, 2, 3, 4)),
    }


test_in_torchcaffe, test_in_real_caffe, test_all_is_covered = contract_of("upsample", 2e-6)


def test_growing_by_a_whole_number_holds_at_every_size(tmp_path) -> None:
    for resizing in (resize(scale_factor=2), resize(scale_factor=(2, 3), mode="bilinear")):
        assert_both_ways({"other size": make_case(resizing, (1, 2, 4, 5)).at((2, 2, 7, 3))}, tmp_path, 2e-6)


@st.composite
def resizes(draw: st.DrawFn) -> tuple[tuple[int, int], dict[str, object]]:
    """Height and width, and the arguments of a resizing."""
    height, width = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    mode = draw(st.sampled_from(["nearest", "nearest-exact", "bilinear", "bicubic"]))
    how: dict[str, object] = {"mode": mode}
    if draw(st.booleans()):
        how["size"] = (draw(st.integers(1, 15)), draw(st.integers(1, 15)))
    else:
        how["scale_factor"] = draw(st.sampled_from([1.0, 1.3, 1.5, 2.0, 2.7, 3.0]))
        how["recompute_scale_factor"] = draw(st.booleans())
    if mode.startswith("bi"):
        how["align_corners"] = draw(st.booleans())
    return (height, width), how


@FEW_AND_MANY
def test_any_resizing(examples: int, tmp_path) -> None:
    def check(drawn: tuple[tuple[int, int], dict[str, object]]) -> None:
        size, how = drawn
        case = make_case(lambda x: F.interpolate(x, **how) * 1.5, (2, 2, *size))  # type: ignore[arg-type]
        assert_both_ways({str(drawn): case}, tmp_path, 3e-6)

    for_any(resizes(), check, examples)
