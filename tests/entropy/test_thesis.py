"""The arithmetic of Basarte (2019), tables 4.5 and 4.7, on tables of AlexNet's 1152 filters with those counts."""

import dataclasses

import numpy as np
import pytest

from entropy import measure, plan
from entropy.__main__ import main
from entropy.measuring.scan_file import ScanTables
from entropy.measuring.table_files import write_table

LAYERS = {"features.0": 64, "features.3": 192, "features.6": 384, "features.8": 256, "features.10": 256}
THRESHOLDS = {1: 5.0, 2: 3.0, 3: 2.0}  # one set for both nets, as in the thesis
COUNTS = {"indoor": {1: 461, 2: 170, 3: 92}, "flowers": {1: 460, 2: 183, 3: 109}}
PRINTED = {"indoor": {1: 40.02, 2: 14.76, 3: 7.99}, "flowers": {1: 39.93, 2: 15.89, 3: 9.46}}


@pytest.fixture(scope="module", params=list(COUNTS))
def source(request):
    return request.param


@pytest.fixture(scope="module")
def table(source):
    """As many filters below each of the thresholds as the thesis counted; some H are equal, one is a threshold."""
    rng = np.random.default_rng(0)
    below = COUNTS[source]
    h = np.concatenate(
        [
            np.zeros(20),  # dead filters
            rng.uniform(0.1, 2, below[3] - 20),
            rng.uniform(2, 3, below[2] - below[3] - 1),
            [2.0],  # frozen by method 3, free by method 2
            rng.uniform(3, 5, below[1] - below[2]),
            rng.uniform(5, 8, 1152 - below[1] - 10),
            np.full(10, 6.5),
        ]
    )
    means = {name: rng.random((20, units)).astype(np.float32) for name, units in LAYERS.items()}
    return dataclasses.replace(measure(ScanTables(means), bins=2), h=rng.permutation(h))


@pytest.mark.parametrize("method", THRESHOLDS)
def test_absolute_thresholds_free_the_filters_that_were_counted(method, source, table):
    made = plan(table, method, threshold=THRESHOLDS[method])
    assert sum(int(rates.sum()) for rates in made.multipliers.values()) == COUNTS[source][method]
    assert round(100 * made.share_free, 2) == PRINTED[source][method]


@pytest.mark.parametrize("method", THRESHOLDS)
def test_the_solver_finds_them_from_the_printed_shares(method, source, table):
    made = plan(table, method, share=PRINTED[source][method] / 100)
    assert sum(int(rates.sum()) for rates in made.multipliers.values()) == COUNTS[source][method]
    same = plan(table, method, threshold=THRESHOLDS[method])
    assert made.multipliers.keys() == same.multipliers.keys() == LAYERS.keys()
    for name, rates in made.multipliers.items():
        assert len(rates) == LAYERS[name]
        np.testing.assert_array_equal(rates, same.multipliers[name])


def test_the_commands_print_them(source, table, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_table(table, "entropy.h5")
    for method, count in COUNTS[source].items():
        main(["plan", "entropy.h5", "--method", str(method), "--threshold", str(THRESHOLDS[method])])
        assert f"free: {count} of 1152 filters, {PRINTED[source][method]:.2f}%" in capsys.readouterr().out


@pytest.mark.parametrize("method", [4, 5, 6])
def test_soft_functions_are_100_percent_free_but_for_the_largest_of_each_layer(method, table):
    made = plan(table, method, levels=None)
    frozen = sum(int((rates == 0).sum()) for rates in made.multipliers.values())
    largest = sum(int((table.of_layer(name)["h"] == table.of_layer(name)["h"].max()).sum()) for name in LAYERS)
    assert frozen == (0 if method == 6 else largest)
