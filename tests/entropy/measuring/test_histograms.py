"""The arithmetic of H against NumPy, SciPy and its own laws."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from entropy.measuring.histograms import entropy_bits, histogram_counts, miller_madow_bits, rank_by_h, value_range

means_tables = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 40), st.integers(1, 4)),
    elements=st.floats(-2, 50, width=32) | st.sampled_from([0.0, 1.0, 2.5]),
)
bin_counts = st.integers(2, 64)


@given(means=means_tables, bins=bin_counts)
@settings(max_examples=150, deadline=None)
def test_counts_are_numpys_with_the_outside_in_the_end_bins(means, bins):
    low, high = value_range(means, 0.9)
    counts = histogram_counts(means, low, high, bins)
    for column, row in zip(means.T.astype(np.float64), counts, strict=True):
        inside = np.clip(column, low, high)
        expected = np.histogram(inside, bins, (low, high))[0] if high > low else [len(column)] + [0] * (bins - 1)
        np.testing.assert_array_equal(row, expected)


@given(means=means_tables, bins=bin_counts)
@settings(max_examples=100, deadline=None)
def test_entropy_is_scipys_and_within_its_bounds(means, bins):
    counts = histogram_counts(means, *value_range(means), bins)
    bits = entropy_bits(counts)
    np.testing.assert_allclose(bits, scipy.stats.entropy(counts, base=2, axis=1), atol=1e-12)
    assert (bits >= 0).all()
    assert (bits <= np.log2(bins)).all()
    occupied = (counts > 0).sum(axis=1)
    np.testing.assert_allclose(miller_madow_bits(counts) - bits, (occupied - 1) / (2 * len(means)) / np.log(2))


@given(means=means_tables, bins=bin_counts, seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_order_of_images_and_way_of_merging_do_not_matter(means, bins, seed):
    bounds = value_range(means)
    counts = histogram_counts(means, *bounds, bins)
    shuffled = np.random.default_rng(seed).permutation(means)
    assert value_range(shuffled) == bounds
    np.testing.assert_array_equal(histogram_counts(shuffled, *bounds, bins), counts)
    half = len(means) // 2
    parts = [histogram_counts(part, *bounds, bins) for part in (means[:half], means[half:])]
    np.testing.assert_array_equal(sum(parts), counts)


@given(value=st.floats(0, 100, width=32), count=st.integers(1, 50))
def test_a_constant_filter_has_no_entropy(value, count):
    means = np.full((count, 1), value, np.float32)
    assert entropy_bits(histogram_counts(means, 0, 100, 256)) == [0]


def test_even_use_of_all_bins_is_the_maximum():
    means = np.arange(256, dtype=np.float32)[:, None] + 0.5
    assert entropy_bits(histogram_counts(means, 0, 256, 256)) == [8]


def test_the_range_starts_at_zero_and_ends_at_the_quantile():
    means = np.linspace(0, 1, 1001, dtype=np.float64)[:, None]
    assert value_range(means) == pytest.approx((0, 0.999))
    assert value_range(means + 3)[0] == 0
    assert value_range(means - 0.5) == pytest.approx((-0.499, 0.499))
    assert value_range(means - 3)[1] == 0
    assert value_range(np.zeros((5, 2))) == (0, 0)


def test_every_filter_may_have_a_range_of_its_own():
    means = np.array([[0, 0], [1, 10], [2, 20], [3, 30]], np.float32)
    counts = histogram_counts(means, np.zeros(2), np.array([4, 40]), 4)
    np.testing.assert_array_equal(counts, np.ones((2, 4)))


@given(st.lists(st.tuples(*[st.sampled_from([0.0, 0.5, 1.0])] * 3), min_size=1, max_size=30))
def test_ranks_of_equal_h_follow_std_then_mean_then_place(filters):
    expected = sorted(range(len(filters)), key=lambda place: (*filters[place], place))
    rank = rank_by_h(*np.array(filters).T)
    assert np.argsort(rank).tolist() == expected
    assert sorted(rank.tolist()) == list(range(1, len(filters) + 1))
