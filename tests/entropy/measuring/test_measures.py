"""The controls: what can take the place of H."""

import shutil
from typing import get_args

import h5py
import numpy as np
import pytest

from entropy import PlanError, measure, plan, read_csv, read_plan
from entropy.__main__ import main
from entropy.measuring.measures import MEASURES, MeasureName, Source, scores_by
from entropy.measuring.scan_file import ScanTables
from prototxt.formats.text import parse_net
from prototxt.formats.weights import read_weights, weights_hash, write_weights


@pytest.fixture
def table(small, tmp_path):
    """Measured from a scan with importance."""
    path = shutil.copy(small.scan, tmp_path / "scan.h5")
    with h5py.File(path, "a") as file:
        for number, name in enumerate(("conv1", "branch%2Fconv2")):
            for key, factor in (("taylor", 1), ("mas", 10)):
                file[f"layers/{name}/importance_{key}"] = factor * (number + 1) * np.linspace(1, 4, 8)
    return measure(path, bins=16)


def test_every_measure_can_be_asked_for():
    assert tuple(MEASURES) == get_args(MeasureName)


def test_scores_as_they_are_defined(table, small):
    width = np.repeat([high for _, high in table.provenance.ranges.values()], 8)
    weights = read_weights(small.weights)
    largest = np.concatenate([np.abs(weights[name][0]).mean(axis=(1, 2, 3)) for name in table.layers]).reshape(2, 8)
    expected = {
        "entropy": table.h,
        "miller-madow": table.h_miller_madow,
        "inverse": 4 - table.h,
        "mean": table.mean / width,
        "std": table.std / width,
        "random": np.random.default_rng(3).random(16),
        "weight": (largest / largest.max(axis=1, keepdims=True)).ravel(),
        "taylor": np.tile(np.linspace(1, 4, 8) / 4, 2),
        "mas": np.tile(np.linspace(1, 4, 8) / 4, 2),
    }
    assert expected.keys() == MEASURES.keys()
    for name, scores in expected.items():
        np.testing.assert_allclose(scores_by(name, Source(table, 3, small.weights)), scores, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("by", MEASURES)
@pytest.mark.parametrize("method", [2, 5])
def test_every_measure_makes_a_plan(by, method, table, small, tmp_path):
    made = plan(table, method, by=by, seed=1, weights=small.weights, levels=None)
    scores = scores_by(by, Source(table, 1, small.weights))
    rates = np.concatenate(list(made.multipliers.values()))
    if method == 2:
        np.testing.assert_array_equal(rates, scores < made.threshold)
        assert rates.sum() == 2  # of 16, as with H: a control frees as many
    else:
        hmax = np.repeat(scores.reshape(2, 8).max(axis=1), 8)
        np.testing.assert_allclose(rates, 1 - scores / hmax, atol=1e-7)
    made.write(tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == made


def test_random_depends_on_the_seed_only(table):
    assert plan(table, 1, by="random", seed=5) == plan(table, 1, by="random", seed=5)
    assert plan(table, 1, by="random", seed=5).layers != plan(table, 1, by="random", seed=6).layers


def test_weights_of_a_deconvolution_are_taken_filter_by_filter(tmp_path):
    net = parse_net("""
        layer { name: "up" type: "Deconvolution" bottom: "x" top: "up"
                convolution_param { num_output: 4 kernel_size: 2 group: 2 bias_term: false } }""")
    blob = np.random.default_rng(0).normal(size=(6, 2, 2, 2)).astype(np.float32)
    write_weights(tmp_path / "up.caffemodel", net, {"up": [blob]})
    tables = ScanTables({"up": np.ones((100, 4), np.float32)}, model_hash=weights_hash({"up": [blob]}))
    scores = scores_by("weight", Source(measure(tables, bins=4), 0, tmp_path / "up.caffemodel"))
    expected = [np.abs(blob[3 * group : 3 * group + 3, column]).mean() for group in (0, 1) for column in (0, 1)]
    np.testing.assert_allclose(scores, np.array(expected) / max(expected), rtol=1e-6)


def test_weights_may_be_in_memory(table, small):
    in_memory = (parse_net(small.net.read_text()), read_weights(small.weights))
    expected = scores_by("weight", Source(table, weights=small.weights))
    np.testing.assert_array_equal(scores_by("weight", Source(table, weights=in_memory)), expected)
    del in_memory[1]["conv1"]
    with pytest.raises(PlanError, match="small: has the hash"):
        scores_by("weight", Source(table, weights=in_memory))


def test_importance_is_in_the_table_where_the_scan_has_it(table, small, tmp_path):
    np.testing.assert_array_equal(table.taylor, np.concatenate([np.linspace(1, 4, 8), 2 * np.linspace(1, 4, 8)]))
    table.write_csv(tmp_path / "entropy.csv")
    np.testing.assert_array_equal(read_csv(tmp_path / "entropy.csv").mas, table.mas)
    without = measure(small.scan, bins=16)
    assert without.columns == table.columns[:-2]
    with pytest.raises(PlanError, match="no MAS importance: scan with deepvis scan --importance"):
        plan(without, 1, by="mas")


def test_what_does_not_fit(table, small, tmp_path):
    with pytest.raises(PlanError, match="no measure 'size'; use one of entropy, miller-madow, inverse"):
        plan(table, 1, by="size")
    with pytest.raises(PlanError, match="give the caffemodel that was scanned"):
        plan(table, 1, by="weight")
    net = parse_net('layer { name: "conv1" type: "Convolution" bottom: "x" top: "conv1" }')
    write_weights(tmp_path / "other.caffemodel", net, {"conv1": [np.ones((8, 1, 1, 1), np.float32)]})
    with pytest.raises(PlanError, match="the weights that were scanned"):
        plan(table, 1, by="weight", weights=tmp_path / "other.caffemodel")
    below = measure(ScanTables({"a": np.full((100, 2), -1, np.float32)}), bins=4)
    with pytest.raises(PlanError, match="2 filters have a mean below 0"):
        plan(below, 5, by="mean")


def test_the_command_says_what_took_the_place_of_h(small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["measure", str(small.scan), "--bins", "16"])
    main(["plan", "entropy.csv", "--method", "2", "--by", "random", "--seed", "7"])
    assert "in place of H: a random number, seed 7" in capsys.readouterr().out
    main(["plan", "entropy.csv", "--method", "2", "--by", "weight", "--weights", str(small.weights)])
    assert "of the layer's largest, solved for 15.00%" in capsys.readouterr().out
