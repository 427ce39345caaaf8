"""The six transfer functions and the solver of thresholds, with the thesis's own numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entropy.errors import PlanError
from entropy.planning.transfer import TRANSFER, solve_threshold

FILTERS = 1152  # the convolution filters of AlexNet: 64 + 192 + 384 + 256 + 256


@pytest.mark.parametrize(
    ("printed", "count"), [(40.02, 461), (14.76, 170), (7.99, 92), (39.93, 460), (15.89, 183), (9.46, 109)]
)
def test_the_thesis_counts(printed, count):
    """The shares of free neurons that the thesis prints are counts of 1152 filters."""
    h = np.random.default_rng(0).permutation(np.linspace(0.1, 7, FILTERS))
    threshold = solve_threshold(h, printed / 100)
    assert (h < threshold).sum() == count
    assert round(100 * count / FILTERS, 2) == printed


def test_default_shares():
    assert [TRANSFER[method].default_share for method in (1, 2, 3)] == [0.40, 0.15, 0.085]


@given(h=st.lists(st.floats(0, 8), min_size=1, max_size=50), share=st.floats(0, 1))
def test_no_other_threshold_comes_closer(h, share):
    values = np.array(h)
    threshold = solve_threshold(values, share)
    reached = (values < threshold).sum()
    possible = {int((values < candidate).sum()) for candidate in [*values, np.inf]}
    assert reached in possible
    nearest = min(possible, key=lambda count: (abs(count - share * len(h)), count))
    assert reached == nearest


def test_ties_are_free_or_frozen_together_and_the_threshold_itself_is_frozen():
    h = np.array([0.0, 1, 1, 1, 2])
    assert (h < solve_threshold(h, 0.4)).sum() == 1
    assert (h < solve_threshold(h, 0.7)).sum() == 4
    assert TRANSFER[1].function(np.array([1.0, 0.99]), np.asarray(1.0)).tolist() == [0, 1]


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_is_between_0_and_1(share):
    with pytest.raises(PlanError, match="between 0 and 1"):
        solve_threshold(np.array([1.0]), share)


def test_the_soft_functions_as_the_thesis_writes_them():
    h, hmax = np.array([0, 2, 4, 8.0]), np.full(4, 8.0)
    ratio = h / hmax
    np.testing.assert_allclose(TRANSFER[4].function(h, hmax), 1 - ratio**2)
    np.testing.assert_allclose(TRANSFER[5].function(h, hmax), 1 - ratio)
    np.testing.assert_allclose(TRANSFER[6].function(h, hmax), np.exp(-2 * ratio))
    assert TRANSFER[4].function(h, hmax)[-1] == TRANSFER[5].function(h, hmax)[-1] == 0
    assert TRANSFER[6].function(h, hmax)[-1] == pytest.approx(0.135, abs=1e-3)


@given(h=st.lists(st.floats(0, 8), min_size=2, max_size=20), method=st.sampled_from(sorted(TRANSFER)))
def test_more_entropy_never_learns_faster(h, method):
    values = np.sort(h)
    reference = np.asarray(4.0) if TRANSFER[method].hard else np.full(len(h), values.max())
    rates = TRANSFER[method].function(values, reference)
    assert (np.diff(rates) <= 0).all()
    assert ((rates >= 0) & (rates <= 1)).all()
