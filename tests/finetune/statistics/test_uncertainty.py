import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, bootstrap

from finetune.statistics.uncertainty import Estimate, binomial_error, mcnemar, mean_and_error, paired_bootstrap
from finetune.statistics.verdict import verdict


def test_mean_and_standard_error():
    mean, error = mean_and_error([1.0, 2.0, 4.0])
    assert (mean, error) == (pytest.approx(7 / 3), pytest.approx(np.std([1, 2, 4], ddof=1) / np.sqrt(3)))
    assert np.isnan(mean_and_error([1.0])[1])
    assert binomial_error(0.5, 100) == 0.05


def differences(images, seed, runs=1, gain=0.05):
    random = np.random.default_rng(seed)
    first, second = random.random((runs, images)) < 0.6 + gain, random.random((runs, images)) < 0.6
    return first.astype(float) - second


def test_over_images_it_is_scipys_bootstrap():
    sample = differences(800, 0)
    ours = paired_bootstrap([sample], resamples=20_000)
    theirs = bootstrap((sample[0],), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1))
    assert ours.value == sample.mean()
    np.testing.assert_allclose([ours.low, ours.high], theirs.confidence_interval, atol=0.1 * theirs.standard_error)


def test_runs_and_images_are_both_resampled():
    """Runs that differ among themselves make the interval wider than the images alone would."""
    random = np.random.default_rng(0)
    effects = np.array([-0.2, -0.1, 0.0, 0.1, 0.2])
    sample = random.normal(size=(5, 4000)) * 0.1 + effects[:, None]
    found = paired_bootstrap([sample], resamples=4000)
    alone = paired_bootstrap([sample.mean(0, keepdims=True)], resamples=4000)
    runs = np.quantile(random.choice(effects, (20_000, 5)).mean(1), [0.025, 0.975])
    np.testing.assert_allclose([found.low, found.high], runs, atol=0.015)
    assert alone.high - alone.low < 0.1 * (found.high - found.low)


def test_two_sets_of_images_count_alike():
    one, other = differences(500, 1, runs=3), differences(3000, 2, runs=3)
    found = paired_bootstrap([one, other], resamples=2000)
    assert found.value == pytest.approx((one.mean() + other.mean()) / 2)
    assert found.low < found.value < found.high


def test_pairs_that_were_tested_on_their_own_images():
    """Against the same written as a loop: folds are drawn, and images of each anew."""
    sample = differences(3000, 3)[0]
    folds = np.split(sample, [900, 1950])
    found = paired_bootstrap([folds], resamples=6000)
    assert found.value == pytest.approx(np.mean([fold.mean() for fold in folds]))
    random = np.random.default_rng(0)
    twin = [
        np.mean([random.choice(folds[run], len(folds[run])).mean() for run in random.integers(0, 3, 3)])
        for _ in range(3000)
    ]
    np.testing.assert_allclose([found.low, found.high], np.quantile(twin, [0.025, 0.975]), atol=0.004)


@given(st.integers(2, 60), st.integers(1, 4), st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_an_interval_is_seeded_and_turns_with_its_sign(images, runs, seed):
    sample = differences(images, seed, runs)
    found = paired_bootstrap([sample], resamples=200, seed=seed)
    assert found == paired_bootstrap([sample], resamples=200, seed=seed)
    turned = paired_bootstrap([-sample], resamples=200, seed=seed)
    np.testing.assert_allclose([turned.low, turned.high], [-found.high, -found.low], atol=1e-12)
    assert sample.min() - 1e-12 <= found.low <= found.high <= sample.max() + 1e-12


def test_coverage_is_what_it_says():
    """Of 300 data sets with a known difference, about 95 % have it in their interval."""
    inside = 0
    for seed in range(300):
        found = paired_bootstrap([differences(400, seed, gain=0.1)], resamples=400, seed=seed)
        inside += found.low <= 0.1 <= found.high
    assert binomtest(inside, 300, 0.95).pvalue > 0.01


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80))
def test_mcnemar_is_the_exact_binomial_test(pairs):
    first, second = (np.array(column) for column in zip(*pairs, strict=True))
    found = mcnemar(first, second)
    assert found.only_first == sum(a and not b for a, b in pairs)
    assert found.only_second == sum(b and not a for a, b in pairs)
    turned = mcnemar(second, first)
    assert turned.p == pytest.approx(found.p)
    if found.only_first + found.only_second:
        assert found.p == pytest.approx(binomtest(found.only_first, found.only_first + found.only_second).pvalue)
    else:
        assert found.p == 1


@pytest.mark.parametrize(
    ("low", "high", "by", "word"),
    [
        (0.1, 0.2, 0, "held"),
        (-0.1, 0.2, 0, "undecided"),
        (-0.2, -0.1, 0, "not held"),
        (0.0, 0.2, 0, "undecided"),
        (-0.2, 0.0, 0, "not held"),
        (-0.005, 0.2, -0.01, "held"),
        (0.1, 0.2, 0.15, "undecided"),
    ],
)
def test_a_claim_is_held_where_the_whole_interval_says_so(low, high, by, word):
    assert verdict(Estimate((low + high) / 2, low, high), by) == word
