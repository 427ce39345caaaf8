"""Tables read block by block: the same numbers as from the whole table."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from entropy import ScanError
from entropy.measuring import table_means
from entropy.measuring.histograms import Binning, entropy_bits, value_range
from entropy.measuring.table_means import TableMeans

tables = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 60), st.integers(1, 4)),
    elements=st.floats(-2, 50, width=32) | st.sampled_from([0.0, 1.0, 1e-44, 2.5]),
)
quantiles = st.sampled_from([0.51, 0.9, 0.99, 0.999, 1.0])


def in_blocks(table, cuts):
    blocks = np.split(table, sorted(min(cut, len(table)) for cut in cuts))
    return TableMeans(lambda: blocks, *table.shape)


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(table_means, "PIECE", 8)


@given(
    table=tables, quantile=quantiles, cuts=st.lists(st.integers(0, 60), max_size=5), piece=st.sampled_from([1, 9, 999])
)
@settings(max_examples=200, deadline=None)
def test_ranges_are_those_of_the_whole_table(table, quantile, cuts, piece):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_means, "PIECE", piece)
        means = in_blocks(table, cuts)
        assert TableMeans.shared_range([means], quantile) == value_range(table, quantile)
        other = np.flip(table) * np.float32(3)
        both = TableMeans.shared_range([means, TableMeans.of_array(other)], quantile)
        assert both == value_range(np.concatenate([table.ravel(), other.ravel()])[:, None], quantile)
        lows, highs = means.unit_ranges(quantile)
        columns = [value_range(column[:, None], quantile) for column in table.T]
        # A layer whose other units are negative looks for the lower end of this one too, and finds it above 0.
        np.testing.assert_array_equal(np.stack([lows, highs], 1), columns)


@given(table=tables, bins=st.integers(2, 40), cuts=st.lists(st.integers(0, 60), max_size=5), seed=st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_batches_parts_and_order_give_the_same_h(table, bins, cuts, seed):
    low, high = value_range(table, 0.9)
    binning = Binning.of(table.shape[1], low, high, bins)
    whole = TableMeans.of_array(table).measure(binning)
    expected = [np.histogram(np.clip(column, low, high), bins, (low, high))[0] if high > low else [len(table)]
                for column in table.T.astype(np.float64)]  # fmt: skip
    np.testing.assert_allclose(
        entropy_bits(whole.counts), [scipy.stats.entropy(row, base=2) for row in expected], atol=1e-12
    )
    blocks = in_blocks(table, cuts)
    shuffled = TableMeans.of_array(np.random.default_rng(seed).permutation(table))
    for other in (blocks, shuffled):
        found = other.measure(binning)
        np.testing.assert_array_equal(found.counts, whole.counts)
        np.testing.assert_array_equal(entropy_bits(found.counts), entropy_bits(whole.counts))
        np.testing.assert_array_equal(found.zeros, whole.zeros)
        np.testing.assert_allclose(found.mean, table.mean(axis=0, dtype=np.float64), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(found.std, table.std(axis=0, dtype=np.float64), rtol=1e-9, atol=1e-9)
    parts = [TableMeans.of_array(part).measure(binning).counts for part in blocks.blocks() if len(part)]
    np.testing.assert_array_equal(sum(parts), whole.counts)  # merged = whole


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_named(value, small_pieces):
    table = np.ones((50, 3), np.float32)
    table[37, 2] = value
    with pytest.raises(ScanError, match="layer 'a', unit 2 has a mean that is not finite"):
        TableMeans.of_array(table, "layer 'a'").unit_ranges(0.99)


def test_float32_and_float64_fall_into_the_same_bins():
    """Values at the edges themselves, and their neighbours."""
    binning = Binning.of(1, 0, 0.7, 100)
    edges = binning.edges[0].astype(np.float32)
    values = np.concatenate([edges, np.nextafter(edges, np.float32(9)), np.nextafter(edges, np.float32(-9))])[:, None]
    np.testing.assert_array_equal(binning.counts(values), binning.counts(values.astype(np.float64)))
    inside = np.clip(values[:, 0].astype(np.float64), 0, 0.7)
    np.testing.assert_array_equal(binning.counts(values)[0], np.histogram(inside, 100, (0, 0.7))[0])
