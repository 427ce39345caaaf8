import pytest
from hypothesis import given
from hypothesis import strategies as st

from prototxt.common.names import did_you_mean, nearest, unknown_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Relu", "ReLU"), ("convolutoin", "Convolution"), ("CONVOLUTION", "Convolution"), ("Warp", None), ("", None)],
)
def test_the_nearest_name_whatever_its_case(name, expected):
    assert nearest(name, ["ReLU", "PReLU", "Convolution"]) == expected


def test_nothing_is_near_to_no_names():
    assert did_you_mean("a", [], "there are none") == "there are none"


@given(st.text(max_size=8), st.lists(st.text(min_size=1, max_size=8), min_size=1, unique=True))
def test_an_unknown_name_is_told_with_all_that_are_known(name, known):
    sentence = unknown_name("layer", name, known)
    assert sentence.startswith(f"unknown layer {name!r}")
    assert sentence.endswith(f"; use one of {', '.join(sorted(known, key=str.lower))}")
    close = nearest(name, known)
    assert close is None or (close in known and f" (did you mean {close!r}?)" in sentence)
