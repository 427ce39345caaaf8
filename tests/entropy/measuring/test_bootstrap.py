"""Confidence intervals of H: against resampled images, and how often they hold the truth."""

import numpy as np
import pytest

from entropy import ScanError, measure, read_csv
from entropy.__main__ import main
from entropy.measuring.bootstrap import bootstrap_interval
from entropy.measuring.histograms import entropy_bits


def test_against_images_drawn_one_by_one():
    rng = np.random.default_rng(0)
    bins = rng.integers(0, 12, 300) * rng.integers(0, 2, 300)
    counts = np.bincount(bins, minlength=16)[None]
    resampled = np.array([np.bincount(rng.choice(bins, 300), minlength=16) for _ in range(4000)])
    plug_in, drawn = entropy_bits(counts)[0], entropy_bits(resampled)
    expected = 2 * plug_in - np.quantile(drawn, 0.95), 2 * plug_in - np.quantile(drawn, 0.05)
    np.testing.assert_allclose(np.ravel(bootstrap_interval(counts, 4000, 0.9)), expected, atol=0.015)


def test_the_intervals_hold_the_truth_as_often_as_they_say():
    shares = np.random.default_rng(1).dirichlet(np.ones(20))
    truth = -(shares * np.log2(shares)).sum()
    counts = np.random.default_rng(2).multinomial(1000, shares, size=400)
    low, high = bootstrap_interval(counts, 300, 0.9)
    assert ((low <= truth) & (truth <= high)).mean() == pytest.approx(0.9, abs=0.045)  # 3 standard errors


def test_the_ends_stay_within_what_h_can_be():
    counts = np.array([[50, 0, 0, 0], [13, 12, 13, 12]])
    low, high = bootstrap_interval(counts, 100)
    assert (low[0], high[0]) == (0, 0)
    assert 1.9 < low[1] <= high[1] <= 2


def test_the_seed_decides_and_other_layers_do_not_matter(small):
    one = measure(small.scan, bins=16, resamples=50, seed=3)
    again = measure(small.scan, ["branch/conv2"], bins=16, resamples=50, seed=3)
    np.testing.assert_array_equal(one.of_layer("branch/conv2")["h_low"], again.h_low)
    assert (measure(small.scan, bins=16, resamples=50, seed=4).h_low != one.h_low).any()
    plain = measure(small.scan, bins=16)
    np.testing.assert_array_equal(plain.h, one.h)
    assert plain.h_low is None
    assert "h_low" not in plain.to_csv()


def test_the_command_and_its_table(small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["measure", str(small.scan), "--bins", "16", "--resamples", "50", "--confidence", "0.9"])
    assert "90% intervals from 50 resampled data sets; median width 0." in capsys.readouterr().out
    table, made = read_csv("entropy.csv"), measure(small.scan, bins=16, resamples=50, confidence=0.9)
    assert table.provenance == made.provenance
    assert table.to_csv() == made.to_csv()
    np.testing.assert_array_equal(table.h_high, made.h_high)
    main(["plan", "entropy.csv", "--method", "1"])


@pytest.mark.parametrize("settings", [{"resamples": 1}, {"resamples": -5}, {"resamples": 9, "confidence": 1.0}])
def test_settings_out_of_range(settings, small):
    with pytest.raises(ScanError, match="at least 2 resamples"):
        measure(small.scan, bins=16, **settings)
