"""The quantiser: few levels, as near as possible."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entropy.errors import PlanError
from entropy.planning.quantize import QuantizationError, best_clusters, quantize

rates = st.lists(st.floats(0, 1) | st.sampled_from([0.0, 1.0, 0.5]), min_size=1, max_size=60)


@given(values=rates, levels=st.integers(3, 16))
@settings(max_examples=200, deadline=None)
def test_levels(values, levels):
    wanted = np.array(values)
    got = quantize(wanted, levels)
    assert len(np.unique(got)) <= levels
    assert (got[wanted == 0] == 0).all()
    assert (got[wanted == 1] == 1).all()
    assert (got[wanted > 0] > 0).all()
    assert (np.diff(got[np.argsort(wanted)]) >= 0).all()
    error = QuantizationError.between(wanted, got)
    assert error.rms <= error.largest + 1e-15
    assert [float(f"{value:.4g}") for value in got] == got.tolist()


@given(
    values=st.lists(st.integers(0, 100), min_size=3, max_size=9, unique=True).map(sorted),
    count=st.integers(1, 3),
    seed=st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_clusters_are_the_best_of_all(values, count, seed):
    points = np.array(values, np.float64)
    weights = np.random.default_rng(seed).integers(1, 5, len(points)).astype(float)

    def cost(starts):
        bounds = [*starts, len(points)]
        total = 0.0
        for start, end in itertools.pairwise(bounds):
            mean = np.average(points[start:end], weights=weights[start:end])
            total += (weights[start:end] * (points[start:end] - mean) ** 2).sum()
        return total

    found = best_clusters(points, weights, count)
    every = ([0, *inner] for inner in itertools.combinations(range(1, len(points)), count - 1))
    assert cost(found) == pytest.approx(min(map(cost, every)), abs=1e-6)


def test_exact_keeps_every_value_as_caffe_stores_it():
    wanted = np.array([0, 1, 1 / 3, 1e-50])
    got = quantize(wanted, None)
    np.testing.assert_array_equal(got[:3], wanted[:3].astype(np.float32))
    assert got[3] > 0


def test_few_different_values_are_kept():
    wanted = np.array([0, 0.25, 0.5, 1, 0.25])
    np.testing.assert_array_equal(quantize(wanted, 4), wanted)


def test_error_at_8_and_16_levels_on_a_whole_net():
    """Synthetic H as in AlexNet: the root mean square error is small, and smaller with more levels."""
    wanted = np.random.default_rng(0).beta(2, 2, 384)
    eight, sixteen = (QuantizationError.between(wanted, quantize(wanted, levels)).rms for levels in (8, 16))
    assert sixteen < eight < 0.04


@pytest.mark.parametrize(("values", "levels"), [([0.5], 2), ([-0.1], 8), ([float("nan")], 8), ([float("inf")], None)])
def test_wrong_input(values, levels):
    with pytest.raises(PlanError):
        quantize(np.array(values), levels)
