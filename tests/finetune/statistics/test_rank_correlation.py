import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from finetune.statistics.rank_correlation import correlations_within_layers

LAYERS = np.repeat(["a", "b", "c"], [30, 12, 50])


def made(seed, seeds=2, ties=False):
    random = np.random.default_rng(seed)
    scores = random.normal(size=(2, len(LAYERS)))
    outcomes = 0.5 * scores[0] + random.normal(size=(seeds, len(LAYERS)))
    return (np.round(scores), np.round(outcomes)) if ties else (scores, outcomes)


@given(st.integers(0, 1000), st.booleans())
@settings(max_examples=20, deadline=None)
def test_it_is_the_mean_of_scipys_over_layers_and_seeds(seed, ties):
    scores, outcomes = made(seed, ties=ties)
    found = correlations_within_layers(scores, outcomes, LAYERS, resamples=20, seed=seed)
    for estimate, score in zip(found, scores, strict=True):
        each = [
            spearmanr(score[name == LAYERS], outcome[name == LAYERS]).statistic
            for name in "abc"
            for outcome in outcomes
        ]
        assert estimate.value == pytest.approx(np.mean(each), abs=1e-12)
        assert estimate.low <= estimate.high
    again = correlations_within_layers(scores, outcomes, LAYERS, resamples=20, seed=seed)
    assert again == found


def test_the_interval_is_the_bootstraps_written_as_a_loop():
    scores, outcomes = made(1, seeds=3)
    (found, _) = correlations_within_layers(scores, outcomes, LAYERS, resamples=400)
    random, twin = np.random.default_rng(5), []
    for _ in range(400):
        seeds = random.integers(0, 3, 3)
        layers = []
        for name in "abc":
            rows = random.choice(np.flatnonzero(name == LAYERS), (name == LAYERS).sum())
            layers.append(np.mean([spearmanr(scores[0, rows], outcomes[seed, rows]).statistic for seed in seeds]))
        twin.append(np.mean(layers))
    np.testing.assert_allclose([found.low, found.high], np.quantile(twin, [0.025, 0.975]), atol=0.05)
    assert 0 < found.low < found.value < found.high


def test_what_differs_between_layers_does_not_come_in():
    """A score that only says the layer has no correlation within them, and a large one over the whole net."""
    place = np.repeat([1.0, 2.0, 3.0], [30, 12, 50])
    outcomes = place[None] + 0.1 * np.random.default_rng(0).normal(size=(1, len(LAYERS)))
    (within,) = correlations_within_layers(place[None], outcomes, LAYERS, resamples=10)
    (whole,) = correlations_within_layers(place[None], outcomes, np.full(len(LAYERS), ""), resamples=10)
    assert np.isnan([within.value, within.low, within.high]).all()
    assert whole.value > 0.8


def test_a_silent_filter_that_is_no_longer_silent_ranks_last():
    scores = np.arange(4.0)[None]
    (found,) = correlations_within_layers(scores, np.array([[1, 2, 3, np.inf]]), np.full(4, "a"), resamples=0)
    assert (found.value, found.low, found.high) == pytest.approx((1, 1, 1))
