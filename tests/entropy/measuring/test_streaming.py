"""Histograms that grow and merge: exact whatever the batches and their order, and near to what the table gives."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from entropy.measuring.histograms import Binning, histogram_counts
from entropy.measuring.streamed_means import StreamedMeans
from entropy.measuring.streaming import MeanHistograms, grid, merge_histograms

CELLS = 64
finite = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, -0.0, 1.0, 2.0, 1e-44, -3e-39, 2.0**100])
means_tables = arrays.arrays(np.float32, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=finite)


def histograms_of(*batches, cells=CELLS):
    found = MeanHistograms.nothing(batches[0].shape[1], cells)
    for batch in batches:
        found.add(batch)
    return found


def assert_same(found, expected):
    for name, array in vars(expected).items():
        np.testing.assert_array_equal(getattr(found, name), array, err_msg=name)
        assert getattr(found, name).dtype == array.dtype


def counts_by_hand(column, cells=CELLS):
    """Widest cells 2^k in which all values fit, then one value after the other, in exact arithmetic."""
    values = [float(value) for value in column]
    signed = min(values) < 0
    k = -170
    while max(map(abs, values)) >= 2.0**k * cells / (2 if signed else 1):
        k += 1
    counts = [0] * cells
    for value in values:
        counts[int(value // 2.0**k) + (cells // 2 if signed else 0)] += 1
    return counts


@given(means=means_tables)
@settings(max_examples=100, deadline=None)
def test_cells_are_those_of_a_plain_loop(means):
    found = histograms_of(means)
    for unit, column in enumerate(means.T):
        if column.any():
            low = column.min()
            if low >= 0 or -low != np.exp2(np.floor(np.log2(-low))):  # a power of two below 0 would just fit
                assert found.counts[unit].tolist() == counts_by_hand(column)
        assert (found.min[unit], found.max[unit]) == (column.min(), column.max())
        assert found.zeros[unit] == (column == 0).sum()
    assert found.images == len(means)


@given(means=means_tables, seed=st.integers(0, 1000), cuts=st.lists(st.integers(0, 30), max_size=4))
@settings(max_examples=200, deadline=None)
def test_batches_merging_and_order_do_not_matter(means, seed, cuts):
    whole = histograms_of(means)
    shuffled = np.random.default_rng(seed).permutation(means)
    batches = np.split(shuffled, sorted(min(cut, len(means)) for cut in cuts))
    assert_same(histograms_of(*batches), whole)
    parts = [histograms_of(batch) for batch in batches]
    assert_same(merge_histograms(parts), whole)
    assert_same(merge_histograms(parts[::-1]), whole)
    for part, batch in zip(parts, batches, strict=True):
        assert_same(part, histograms_of(batch))  # merging leaves the parts as they were


@given(means=means_tables, bins=st.sampled_from([2, 4, 8]), seed=st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_bins_on_edges_of_cells_are_exact(means, bins, seed):
    exponents, first = grid(means.min(0), means.max(0), CELLS)
    lows = np.ldexp(first.astype(float), exponents)
    highs = lows + np.ldexp(float(CELLS), exponents)
    streamed = StreamedMeans(histograms_of(means))
    np.testing.assert_array_equal(
        streamed.measure(Binning.of(means.shape[1], lows, highs, bins)).counts,
        histogram_counts(means.astype(np.float64), lows, highs, bins),
    )
