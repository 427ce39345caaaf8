"""H measured and planned again within a training: the same numbers as by files."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

from deepvis.model.model import open_model
from deepvis.scan.run import scan
from deepvis.sources import open_images
from entropy import (
    PlanError,
    ScanError,
    SolverSettings,
    Task,
    apply_plan,
    measure,
    merge,
    plan,
    read_plan,
    replan,
    write,
)
from entropy.measuring.network_means import PictureBatches, network_means
from entropy.measuring.scan_file import read_means
from entropy.training.mid_training import replan_every, stop_frozen
from prototxt.formats.text import read_net
from prototxt.formats.weights import read_weights, weights_hash
from prototxt.split import filter_rows
from torchcaffe.network import Network
from torchcaffe.pycaffe.solvers import get_solver

EVERY, END = 3, 9
pytestmark = pytest.mark.filterwarnings("ignore::entropy.FewImagesWarning")


def half_free(table):
    return plan(table, 1, share=0.5)


@pytest.fixture
def run(small, tmp_path, monkeypatch):
    """A folder for SGD with momentum, all its data in one batch, without random crops, mirroring or dropout."""
    monkeypatch.chdir(tmp_path)
    pixels = dataclasses.replace(small.preprocessing, resize="stretch", resize_to=(16, 16), crop=())
    Path("pixels.json").write_text(pixels.to_json())
    first = half_free(measure(small.scan, bins=16))
    task = Task(images=small.images, head="fc_new", batch=12, mirror=False, preprocessing=Path("pixels.json"))
    settings = SolverSettings(base_lr=0.05, max_iter=END, snapshot=EVERY)
    written = write(first, small.net, small.weights, settings, task=task)
    for name in ("net_plain.prototxt", "net_split.prototxt"):  # dropout draws other numbers after a restart
        text = Path("run", name).read_text()
        start = text.rindex("layer {", 0, text.index('name: "drop3"'))
        Path("run", name).write_text(text[:start] + text[text.index("\n}\n", start) + 3 :])
    monkeypatch.chdir("run")
    return written


def plain_solver():
    solver = get_solver(Path("solver_plain.prototxt"))
    solver.load_weights("plain.caffemodel")
    return solver


def test_the_means_are_those_of_a_scan(small, tmp_path):
    (tmp_path / "pixels.json").write_text(small.preprocessing.to_json())
    model = open_model(small.net, small.weights, tmp_path / "pixels.json")
    for _ in scan(
        model, open_images(small.images), tmp_path / "scan.h5", batch=5, device="cpu", workers=1, before=True
    ):
        pass
    network = Network(read_net(small.net), weights=read_weights(small.weights))
    batches = PictureBatches(small.images, small.preprocessing, batch=5)
    for after in (True, False):
        for layers in (None, ["conv1", "fc3"]):
            expected = read_means(tmp_path / "scan.h5", layers, after)
            found = network_means(network, batches, layers, after=after)
            assert list(found.means) == list(expected.means)
            assert all(np.array_equal(found.means[name], expected.means[name].values()) for name in expected.means)
            assert found.model_hash == expected.model_hash
            tables = [measure(each, layers, bins=4) for each in (found, expected)]
            assert np.array_equal(tables[0].h, tables[1].h)


def test_a_plan_every_n_iterations_is_what_replan_does_by_files(run, small, monkeypatch):
    """Three stretches of the split net in torchcaffe, with `replan` between them, against one run of the plain net."""
    batches = list(PictureBatches(small.images, small.preprocessing, batch=4))
    deploy = read_net("deploy.prototxt")
    solver = plain_solver()
    callback = replan_every(solver, EVERY, deploy, batches, half_free, bins=8, exact=False)
    reached = {}
    for done in range(EVERY, END + 1, EVERY):
        solver.step(EVERY)
        reached[done] = solver.network.weights()
    assert [iteration for iteration, _ in callback.plans] == [0, EVERY, 2 * EVERY]
    rates = [np.concatenate(list(made.multipliers.values())) for _, made in callback.plans]
    assert any((one != other).any() for one, other in itertools.pairwise(rates))  # the plan does change

    folder, state = Path("stretch0"), None
    start = callback.plans[0][1].model_copy(update={"weights_hash": ""})
    monkeypatch.chdir("..")
    replan_from_start(start)
    for stretch in range(3):
        folder = Path(f"stretch{stretch}")
        monkeypatch.chdir(folder)
        trainer = get_solver(Path("solver.prototxt"))
        if state is None:
            trainer.load_weights("split.caffemodel")
        else:
            trainer.restore(state)
        trainer.step(EVERY)
        monkeypatch.chdir("..")
        done = EVERY * (stretch + 1)
        snapshot = folder / f"split_iter_{done}.caffemodel"
        merge(folder, snapshot, f"after{done}.caffemodel")
        for name, blobs in read_weights(f"after{done}.caffemodel").items():
            for one, other in zip(reached[done][name], blobs, strict=True):
                np.testing.assert_allclose(one, other, rtol=0, atol=2e-6, err_msg=f"{name} after {done}")
        if stretch < 2:
            network = Network(read_net("run/deploy.prototxt"), weights=read_weights(f"after{done}.caffemodel"))
            made = half_free(measure(network_means(network, batches), bins=8))
            assert made.multipliers.keys() == callback.plans[stretch + 1][1].multipliers.keys()
            for name, values in made.multipliers.items():
                np.testing.assert_array_equal(values, callback.plans[stretch + 1][1].multipliers[name])
            made = made.model_copy(update={"weights_hash": ""})
            replan(folder, made, snapshot.with_suffix(".solverstate"), out=f"stretch{stretch + 1}")
            state = f"split_iter_{done}.solverstate"


def replan_from_start(made):
    """A folder like ``run``, but split by another plan from the start."""
    from entropy.split_folder.writing import Written, in_channels, write_nets
    from prototxt.formats.text import read_solver
    from prototxt.split import split_net

    net, weights = read_net("run/net_plain.prototxt"), read_weights("run/plain.caffemodel")
    split = split_net(net, made.multipliers, in_channels(net, weights))
    Path("stretch0").mkdir()
    Path("stretch0/train.txt").write_text(Path("run/train.txt").read_text())
    written = Written(Path("stretch0"), made.model_copy(update={"split": split.layers}), net, split)
    solver = read_solver("run/solver.prototxt")
    solver.ClearField("net")
    write_nets(written, weights, solver)


@pytest.mark.parametrize("type", ["SGD", "Nesterov", "AdaGrad"])
def test_what_becomes_frozen_keeps_its_bits(type, run, small):
    text = Path("solver_plain.prototxt").read_text()
    momentum = "" if type == "AdaGrad" else "momentum: 0.9\n"
    Path("solver_plain.prototxt").write_text(text.replace("momentum: 0.9\n", f'{momentum}type: "{type}"\n'))
    solver = plain_solver()
    made = read_plan("plan.json")
    opposite = plan(measure(small.scan, bins=16), 1, share=0.5, by="inverse")
    plans = iter([made, opposite])
    replan_every(
        solver, EVERY, read_net("deploy.prototxt"), [np.zeros((1, 3, 16, 16), np.float32)], lambda table: next(plans)
    )
    solver.step(EVERY)
    before = solver.network.weights()
    solver.step(EVERY)
    after = solver.network.weights()
    layers = {layer.name: layer for layer in solver.network.net.layer}
    newly = 0
    for name, rates in opposite.multipliers.items():
        newly += int(((rates == 0) & (made.multipliers[name] > 0)).sum())
        for was, now in zip(*(filter_rows(layers[name], each[name]) for each in (before, after)), strict=True):
            assert was[rates == 0].tobytes() == now[rates == 0].tobytes()
        assert before[name][0].tobytes() != after[name][0].tobytes()
    assert newly > 2


@pytest.mark.parametrize("stopped", [True, False])
def test_a_filter_that_becomes_frozen_glides_on_unless_it_is_stopped(stopped, run, small):
    solver = plain_solver()
    apply_plan(solver, read_plan("plan.json"))
    solver.step(2)
    before = solver.network.weights()["conv1"][0]
    opposite = plan(measure(small.scan, bins=16), 1, share=0.5, by="inverse")
    apply_plan(solver, opposite)
    if stopped:
        stop_frozen(solver)
    solver.step(1)
    after, frozen = solver.network.weights()["conv1"][0], opposite.multipliers["conv1"] == 0
    newly = frozen & (read_plan("plan.json").multipliers["conv1"] > 0)
    assert newly.any()
    assert (before[frozen].tobytes() == after[frozen].tobytes()) == stopped


def test_a_plan_made_in_training_names_the_weights_that_it_is_for(run, small):
    solver = plain_solver()
    batches = list(PictureBatches(small.images, small.preprocessing))
    callback = replan_every(solver, 100, read_net("deploy.prototxt"), batches, half_free, bins=4)
    made = callback.replan()
    names = [layer.name for layer in callback.network.net.layer]
    weights = {name: blobs for name, blobs in solver.network.weights().items() if name in names}
    assert made.weights_hash == weights_hash(weights)
    apply_plan(solver, made)


def test_mistakes_are_refused(run, small):
    solver, deploy = plain_solver(), read_net("deploy.prototxt")
    batches = PictureBatches(small.images, small.preprocessing)
    with pytest.raises(PlanError, match="at least 1"):
        replan_every(solver, 0, deploy, batches, half_free)
    with pytest.raises(PlanError, match="no iterator"):
        replan_every(solver, 5, deploy, iter(batches), half_free)
    with pytest.raises(ScanError, match="has 0 inputs"):
        network_means(solver.network, batches)
    with pytest.raises(ScanError, match="no picture"):
        network_means(Network(deploy), [])
