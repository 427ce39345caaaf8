"""The comparison of gradients by itself."""

import numpy as np
import pytest

from entropy import CheckError
from entropy.split_folder.gradients import NEGLIGIBLE, TOLERANCE, _compare


def gradient(seed=0, shape=(8, 3, 3, 3)):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def compare(one, other):
    return _compare("the split net", "the plain net", {"conv": [one]}, {"conv": [other]})


def test_rounding_passes_and_is_told():
    one = gradient()
    assert compare(one, one) == 0
    assert compare(one, one * (1 + TOLERANCE / 2)) == pytest.approx(TOLERANCE / (2 + TOLERANCE), rel=1e-3)


@pytest.mark.parametrize("change", [lambda g: g * 0, lambda g: g * 2, lambda g: -g, lambda g: g + gradient(1)])
def test_another_gradient_is_refused(change):
    with pytest.raises(CheckError, match=r"(gradient of blob 0|filter 0 of blob 0) of layer 'conv'"):
        compare(gradient(), change(gradient()))


def test_one_filter_of_many_without_a_gradient_is_refused():
    one = gradient(shape=(500, 3, 3, 3))
    other = one.copy()
    other[17] = 0
    with pytest.raises(
        CheckError, match="the plain net gets no gradient for filter 17 of blob 0 of layer 'conv', and the split"
    ):
        compare(one, other)
    other[17] = np.nan  # frozen there
    compare(one, other)
    one[17] = other[17] = 0  # dead in both
    compare(one, other)


def test_what_is_only_rounding_beside_other_blobs_is_not_looked_at():
    large, small = gradient(), gradient(1, (8,)) * NEGLIGIBLE / 10
    assert _compare("a", "b", {"conv": [large, small]}, {"conv": [large, -small]}) == 0
