import os
import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch

from finetune.errors import ExperimentError
from finetune.methods.parts.start import start
from finetune.tasks.pixels import blobs
from finetune.training.batches import Batches
from finetune.training.net import LABEL, training_net
from finetune.training.prepared import NoTerm, Prepared, Setting, Stage
from finetune.training.rates import spread_rates, unit_rates
from finetune.training.settings import TrainingSettings
from finetune.training.trainer import Job, Trainer, Watch, training
from prototxt.common.progress import with_bar
from prototxt.formats.schema import SolverParameter
from prototxt.formats.text import write_message
from prototxt.formats.weights import read_weights, write_weights
from prototxt.net.build import layer
from prototxt.split import merge_weights, split_net, split_weights
from tests.conftest import REPOSITORY
from tests.finetune.conftest import small_model
from torchcaffe.__main__ import main as torchcaffe

ITERATIONS = 10
HALF = np.array([0.0, 1.0, 0.25, 1.0, 0.0, 0.0, 0.5, 1.0, 0.0, 1.0])


def prepared_with(setting: Setting, *stages: dict, terms=(), shares=None) -> Prepared:
    heads = start(setting).extended
    made = [Stage((shares or [1 / len(stages)] * len(stages))[i], rates) for i, rates in enumerate(stages)]
    return Prepared(heads.net, heads.weights, heads.old_output, heads.new_output, made, terms)


HEAD = {"fc8_new": 1.0}
RATES = {"conv2": HALF, "fc3": 0.5, **HEAD}
NO_WATCH = Watch()


def trained(prepared, target, model, settings=None, watch=NO_WATCH, **fields):
    settings = settings or TrainingSettings(iterations=ITERATIONS, batch=8, base_lr=0.01)
    return with_bar(training(Job(prepared, target.train, model.preprocessing, settings, **fields), watch), quiet=True)


def same(one, other):
    return all(a.tobytes() == b.tobytes() for name in one for a, b in zip(one[name], other[name], strict=True))


# -- parity with solvers that know nothing of finetune ---------------------------------------------------------------


def write_folder(folder, prepared, batches, settings, preprocessing):
    """The same training as prototxt, caffemodel and HDF5: every unit's rate by split layers, the batches by file."""
    choices = [batches.at(iteration) for iteration in range(settings.iterations)]
    images = batches.part.images
    data = np.concatenate([blobs(images[c.rows], preprocessing, c.offsets, c.mirror) for c in choices])
    labels = np.concatenate([batches.part.labels[c.rows] for c in choices])
    with h5py.File(folder / "batches.h5", "w") as file:
        file["data"], file[LABEL] = data, labels.astype(np.float32)
    (folder / "batches.txt").write_text(f"{folder}/batches.h5\n")
    net = training_net(prepared)
    spread = spread_rates(net, prepared.stages[0])
    by_unit = unit_rates(net, spread)
    kept = [each for each in net.layer if each.type != "Input"]
    del net.layer[:]
    net.layer.append(
        layer("HDF5Data", "data", tops=["data", LABEL], hdf5_data_param={
            "source": f"{folder}/batches.txt", "batch_size": settings.batch})
    )  # fmt: skip
    net.layer.extend(kept)
    net.layer.append(layer("Silence", "unused", [prepared.old_output], []))
    split = split_net(net, by_unit)
    write_message(folder / "net.prototxt", split.net)
    write_weights(folder / "start.caffemodel", split.net, split_weights(prepared.weights, split.layers))
    solver = settings.solver()
    solver.net, solver.snapshot_prefix = f"{folder}/net.prototxt", f"{folder}/snapshot"
    solver.solver_mode = SolverParameter.CPU
    write_message(folder / "solver.prototxt", solver)
    return split


@pytest.fixture
def folder(setting, target, model, tmp_path):
    settings = TrainingSettings(iterations=ITERATIONS, batch=8, base_lr=0.01, policy="exp", gamma=0.95)
    prepared = prepared_with(setting, RATES)
    batches = Batches(target.train, model.preprocessing, settings, seed=3)
    split = write_folder(tmp_path, prepared, batches, settings, model.preprocessing)
    ours = trained(prepared, target, model, settings, seed=3).weights
    return tmp_path, split, prepared, ours


def check_equal(folder, split, prepared, ours):
    snapshot = read_weights(folder / f"snapshot_iter_{ITERATIONS}.caffemodel")
    theirs = merge_weights(snapshot, split.layers)
    moved = 0.0
    for name, found in ours.items():
        for index, blob in enumerate(found):
            np.testing.assert_allclose(blob, theirs[name][index].reshape(blob.shape), rtol=0, atol=3e-6)
            moved = max(moved, float(np.abs(blob - prepared.weights[name][index]).max()))
    assert moved > 1e-2
    frozen = np.flatnonzero(HALF == 0)
    for name, index in (("conv2", 0), ("conv2", 1), ("scale2", 0), ("scale2", 1)):
        assert np.array_equal(ours[name][index][frozen], prepared.weights[name][index][frozen])


def test_the_same_batches_through_torchcaffe_train_give_the_same_weights(folder):
    place, split, prepared, ours = folder
    torchcaffe(["train", "-solver", f"{place}/solver.prototxt", "-weights", f"{place}/start.caffemodel"])
    check_equal(place, split, prepared, ours)


@pytest.mark.caffe
def test_and_through_real_caffe(folder, real_caffe):
    place, split, prepared, ours = folder
    done = real_caffe.run("train", "-solver", place / "solver.prototxt", "-weights", place / "start.caffemodel")
    assert done.returncode == 0, done.stdout[-2000:]
    check_equal(place, split, prepared, ours)


# -- frozen layers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rates",
    [{"fc8_new": 1.0}, {"fc3": 1.0, "fc8_new": 1.0}, {"conv2": HALF, "fc8_new": 1.0}],
    ids=["head", "fc", "conv"],
)
@pytest.mark.parametrize("cache_gb", [2.0, 2e-6], ids=["all", "bounded"])
def test_frozen_layers_that_run_once_change_nothing(rates, cache_gb, setting, target, model):
    settings = TrainingSettings(iterations=10, batch=16, base_lr=0.002, crop="centre", cache_gb=cache_gb)
    prepared = prepared_with(setting, rates)
    job = Job(prepared, target.train, model.preprocessing, settings, 1)
    cache = Trainer(job)._cache
    assert cache is not None
    assert (cache.capacity < 80) == (cache_gb < 1)
    with_cache = trained(prepared, target, model, settings, seed=1).weights
    without = trained(prepared, target, model, settings.model_copy(update={"cache_gb": 0.0}), seed=1).weights
    assert not same(with_cache, prepared.weights)
    for name in without:
        for one, other in zip(with_cache[name], without[name], strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_each_image_goes_through_the_frozen_layers_once(setting, target, model, monkeypatch):
    settings = TrainingSettings(iterations=20, batch=8, base_lr=0.01, crop="centre")
    trainer = Trainer(Job(prepared_with(setting, {"fc8_new": 1.0}), target.train, model.preprocessing, settings))
    seen = []
    pixels = trainer._pixels
    monkeypatch.setattr(trainer, "_pixels", lambda choice: seen.append(len(choice.rows)) or pixels(choice))
    for _ in range(20):
        trainer.step()
    choices = [trainer._batches.at(iteration) for iteration in range(20)]
    used = {pair for choice in choices for pair in zip(choice.rows.tolist(), choice.mirror.tolist(), strict=True)}
    assert sum(seen) == len(used) < 160


def test_what_has_no_rate_keeps_its_bits(setting, target, model):
    prepared = prepared_with(setting, RATES)
    after = trained(prepared, target, model).weights
    for name in ("conv1", "bn2", "fc4"):
        assert same({name: after[name]}, {name: prepared.weights[name]})
    for name in ("conv2", "scale2", "fc3", "fc8_new"):
        assert not same({name: after[name]}, {name: prepared.weights[name]})


# -- going on --------------------------------------------------------------------------------------------------------


class Counting(NoTerm):
    """Pulls a bias towards zero the more, the more updates it has seen."""

    def start(self, network):
        self.seen = torch.zeros(())

    def loss(self, network, batch, values):
        assert values["fc8_new"].shape == (len(batch.labels), 2)
        return 0.01 * self.seen * network.params["fc3"][1].square().sum()

    def after_update(self, network):
        self.seen += 1

    def state(self):
        return {"seen": self.seen}

    def restore(self, state):
        self.seen = state["seen"]


@pytest.mark.parametrize("crop", ["centre", "random"])
@pytest.mark.parametrize("stop", [1, 7, 10, 13])
def test_a_run_that_was_stopped_ends_with_the_same_bits(crop, stop, source, target, tmp_path):
    model = small_model(dropout=True)
    setting = Setting(model, source, target, None)
    settings = TrainingSettings(iterations=20, batch=8, base_lr=0.01, crop=crop, cache_gb=4e-5)
    stages = ({"fc3": 1.0, "fc8_new": 1.0}, {"conv2": HALF, "fc3": 1.0, "fc8_new": 1.0})
    whole = trained(prepared_with(setting, *stages, terms=[Counting()]), target, model, settings).weights
    watch = Watch(tmp_path / "checkpoint.pt")
    job = Job(prepared_with(setting, *stages, terms=[Counting()]), target.train, model.preprocessing, settings)
    work = training(job, watch)
    for progress in work:
        if progress.done == stop:
            break
    work.close()
    assert watch.checkpoint.is_file()
    again = replace(job, prepared=prepared_with(setting, *stages, terms=[Counting()]))
    assert next(training(again, watch)).done == stop
    result = with_bar(training(again, watch), quiet=True)
    assert same(result.weights, whole)


def test_a_broken_checkpoint_is_refused(setting, target, model, tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(ExperimentError, match="is no checkpoint of this version"):
        trained(prepared_with(setting, RATES), target, model, watch=Watch(tmp_path / "checkpoint.pt"))


# -- stages and terms ------------------------------------------------------------------------------------------------


def test_a_stage_begins_without_momentum_at_its_own_rates(setting, target, model):
    settings = TrainingSettings(iterations=10, batch=8, base_lr=0.01)
    prepared = prepared_with(setting, {"fc8_new": 1.0}, {"fc3": 1.0}, shares=[0.4, 0.6])
    job = Job(prepared, target.train, model.preprocessing, settings)
    trainer = Trainer(job)
    for _ in range(4):
        trainer.step()
    first = trainer.network_weights()
    assert same({"fc3": first["fc3"]}, {"fc3": prepared.weights["fc3"]})
    trainer.step()
    second = trainer.network_weights()
    assert same({"fc8_new": second["fc8_new"]}, {"fc8_new": first["fc8_new"]})
    assert not same({"fc3": second["fc3"]}, {"fc3": first["fc3"]})


def test_a_penalty_counts_as_its_gradient_says(setting, target, model):
    class Pull(NoTerm):
        def loss(self, network, batch, values):
            return 50 * network.params["fc3"][0].square().sum() / 2

    settings = TrainingSettings(iterations=1, batch=8, base_lr=0.001, momentum=0, weight_decay=0)
    plain = trained(prepared_with(setting, {"fc3": 1.0, "fc8_new": 1.0}), target, model, settings).weights
    pulled = trained(
        prepared_with(setting, {"fc3": 1.0, "fc8_new": 1.0}, terms=[Pull()]), target, model, settings
    ).weights
    weights = setting.model.weights["fc3"][0]
    np.testing.assert_allclose(pulled["fc3"][0], plain["fc3"][0] - 0.001 * 50 * weights, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stages": (Stage(0.5, {}),)}, "must sum to 1"),
        ({"stages": (Stage(1.0, {"conv9": 1.0}),)}, "layer 'conv9', which is not in the net"),
        ({"stages": (Stage(1.0, {"conv2": -1.0}),)}, "'conv2': a rate must be a number of at least 0"),
        ({"new_output": "elsewhere"}, "no blob 'elsewhere'"),
    ],
)
def test_what_cannot_be_trained_is_a_sentence(change, words, setting, target, model):
    with pytest.raises(ExperimentError, match=words):
        trained(replace(prepared_with(setting, RATES), **change), target, model)


def test_a_training_that_diverges_stops(setting, target, model):
    settings = TrainingSettings(iterations=200, batch=8, base_lr=1e6)
    with pytest.raises(ExperimentError, match="the training diverged; take a smaller base_lr"):
        trained(prepared_with(setting, {"fc3": 1.0, "conv2": 1.0, "fc8_new": 1.0}), target, model, settings)


def test_the_log_holds_mean_losses_rates_and_evaluations(setting, target, model):
    records = []
    settings = TrainingSettings(iterations=10, batch=8, display=4, evaluate=5, policy="step", stepsize=6)
    watch = Watch(log=records.append, evaluate=lambda weights: {"target": float(weights["fc3"][0].shape[0])})
    trained(prepared_with(setting, RATES), target, model, settings, watch)
    assert [record["iteration"] for record in records] == [4, 5, 8, 10]
    rates = [record["lr"] for record in records if "lr" in record]
    assert rates == pytest.approx([0.002, 0.0002, 0.0002])
    assert records[1] == {"iteration": 5, "target": 12.0}
    assert set(records[3]) == {"iteration", "loss", "lr", "target"}


# -- several processes -----------------------------------------------------------------------------------------------

WORKER = """
import sys
import numpy as np
from deepvis.scan.processes import started_processes
from finetune.tasks.task import Part, Task
from finetune.training.prepared import Setting
from tests.finetune.conftest import colours, small_model, small_task, stripes
from tests.finetune.training.test_trainer import RATES, prepared_with, trained
with started_processes() as processes:
    model = small_model()
    target = small_task(stripes, ("lying", "standing"), 40, 30)
    setting = Setting(model, target, target, None)
    result = trained(prepared_with(setting, RATES), target, model, seed=2, processes=processes)
    if processes.rank == 0:
        np.savez(sys.argv[1], *[blob for blobs in result.weights.values() for blob in blobs])
"""


def test_two_processes_train_as_one(setting, target, model, tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", script]
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))  # for tests.finetune
    environment = {**os.environ, "PYTHONPATH": path}
    command.append(tmp_path / "w.npz")
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    one = trained(prepared_with(setting, RATES), target, model, seed=2).weights
    with np.load(tmp_path / "w.npz") as file:
        two = [file[name] for name in file.files]
    for single, joint in zip([blob for each in one.values() for blob in each], two, strict=True):
        np.testing.assert_allclose(joint, single, rtol=0, atol=1e-6)


@pytest.mark.gpu
def test_a_gpu_gives_what_the_cpu_gives(setting, target, model):
    prepared = prepared_with(setting, RATES)
    one, other = (trained(prepared, target, model, device=device).weights for device in ("cpu", "cuda"))
    for name in one:
        for a, b in zip(one[name], other[name], strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-4)
