import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepvis.compute.bars import draw_bars, equal_bins, zero_bin
from deepvis.palette import ACCENT, PANEL, ZERO, rgb


@given(st.integers(1, 5), st.integers(1, 40), st.integers(1, 30), st.integers(0, 9))
def test_counts_are_those_of_numpy(units, values, bins, seed):
    rows = np.random.default_rng(seed).integers(-8, 9, (units, values)) / 4.0
    counts, low, high = equal_bins(rows, bins)
    for unit, row in enumerate(rows):
        expected, edges = np.histogram(row, bins, (low, high))
        assert (edges[0], edges[-1]) == (low, high)
        # numpy corrects the bin of a value on an inner edge for rounding: neighbours may differ by it
        assert np.abs(np.cumsum(counts[unit]) - np.cumsum(expected)).max() <= np.isin(row, edges).sum() + 1
    assert (counts.sum(1) == values).all()


def test_equal_values_and_no_values():
    assert equal_bins(np.full((2, 3), 4.0), 4)[1:] == (3.5, 4.5)
    assert equal_bins(np.empty((2, 0)), 4)[0].tolist() == [[0] * 4] * 2


@pytest.mark.parametrize(("low", "high", "expected"), [(0, 1, 0), (-1, 1, 5), (-1, 0, 9), (1, 2, None), (-2, -1, None)])
def test_the_bin_of_zero(low, high, expected):
    assert zero_bin(low, high, 10) == expected


def test_bars_reach_as_high_as_they_should():
    pixels = draw_bars(np.array([[4.0, 0, 1], [0, 0, 0]]), rows=4, bar=2, marked=2)
    assert pixels.shape == (2, 4, 6, 4)
    filled = (pixels[..., :3] != rgb(PANEL)).any(-1)
    assert filled[0].sum(0).tolist() == [4, 4, 0, 0, 1, 1]
    assert filled[0, -1, 4]  # bars stand on the ground
    assert not filled[1].any()
    assert tuple(pixels[0, 0, 0, :3]) == rgb(ACCENT)
    assert tuple(pixels[0, -1, 4, :3]) == rgb(ZERO)


def test_shared_heights_compare_units():
    pixels = draw_bars(np.array([[8.0], [2.0]]), rows=4, shared=True)
    assert (pixels[..., :3] != rgb(PANEL)).any(-1).sum((1, 2)).tolist() == [4, 1]
