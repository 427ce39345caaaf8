from dataclasses import replace

import numpy as np
import pytest

from finetune.errors import ExperimentError
from finetune.evaluation.scores import Scorer
from finetune.training.batches import Choice
from finetune.training.caffe_engine import training_in_caffe
from finetune.training.caffe_folder import StageFiles, write_stage, writing_images
from finetune.training.prepared import NoTerm
from finetune.training.settings import TrainingSettings
from finetune.training.trainer import Job, Trainer, Watch
from prototxt.common.progress import with_bar
from prototxt.formats.text import read_net
from prototxt.formats.weights import read_weights
from prototxt.split import merge_weights
from tests.finetune.training.test_trainer import HALF, HEAD, RATES, prepared_with, same
from torchcaffe.__main__ import main as torchcaffe

PROGRAMS = [pytest.param("caffe", marks=pytest.mark.caffe), "torchcaffe"]
SETTINGS = TrainingSettings(iterations=10, batch=8, base_lr=0.01, crop="centre", mirror=False)


def in_order(images):
    """The batches that an ImageData layer makes which does not shuffle."""
    return lambda iteration: Choice(np.arange(iteration * 8, iteration * 8 + 8) % images, np.zeros(8, bool), None)


def mean_loss(prepared, weights, target, model):
    """Cross-entropy over all training images: single batches of eight are too few to tell whether a net learns."""
    scorer = Scorer(prepared.net, weights, model.preprocessing)
    return with_bar(scorer.scoring(target.train, prepared.new_output), quiet=True).loss


@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_the_folder_is_the_same_training(order, setting, target, model, tmp_path):
    """Split nets, ImageData and preprocessing against the trainer, with images in the order of the list."""
    pixels = replace(model.preprocessing, channel_order=order)
    job = Job(prepared_with(setting, RATES), target.train, pixels, SETTINGS)
    for _ in writing_images(job, tmp_path):
        pass
    split = write_stage(job, job.prepared.weights, 0, 0, 10, tmp_path)
    files = StageFiles.of(0)
    net = (tmp_path / files.net).read_text().replace("shuffle: true", "shuffle: false")
    (tmp_path / files.net).write_text(net)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        torchcaffe(["train", "-solver", files.solver, "-weights", files.start])
    trainer = Trainer(job)
    trainer._batches.at = in_order(len(target.train))
    for _ in range(10):
        trainer.step()
    ours = trainer.network_weights()
    theirs = merge_weights(read_weights(tmp_path / files.snapshot(10)), split.layers)
    for name in ("conv2", "scale2", "fc3", "fc8_new"):
        for one, other in zip(ours[name], theirs[name], strict=True):
            np.testing.assert_allclose(one, other.reshape(one.shape), rtol=0, atol=1e-5)
    assert not same({"fc3": ours["fc3"]}, {"fc3": job.prepared.weights["fc3"]})


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("crop", ["centre", "random"])
def test_stages_run_one_after_the_other(program, crop, setting, target, model, tmp_path):
    changes = {"iterations": 40, "base_lr": 0.001, "mirror": True, "crop": crop, "display": 5}
    settings = SETTINGS.model_copy(update=changes)
    prepared = prepared_with(setting, HEAD, {"conv2": HALF, **HEAD}, shares=[0.25, 0.75])
    records = []
    watch = Watch(tmp_path / "checkpoint.pt", records.append)
    job = Job(prepared, target.train, model.preprocessing, settings)
    trained = with_bar(training_in_caffe(job, watch, program), quiet=True)
    assert [record["iteration"] for record in records][:4] == [0, 5, 10, 15]
    after = trained.weights
    losses = [mean_loss(prepared, weights, target, model) for weights in (prepared.weights, after)]
    # A crop that moves by half a stripe is another image to this net of random weights: nothing to learn in 40 updates.
    assert losses[1] < losses[0] or crop == "random"
    assert trained.seconds > 0
    for name in ("conv1", "fc3", "fc4"):
        assert same({name: after[name]}, {name: prepared.weights[name]})
    frozen = HALF == 0
    assert np.array_equal(after["conv2"][0][frozen], prepared.weights["conv2"][0][frozen])
    assert (after["conv2"][0][~frozen] != prepared.weights["conv2"][0][~frozen]).any()
    first = {rule.lr_mult for layer in read_net(tmp_path / "caffe/stage0.prototxt").layer for rule in layer.param}
    assert first == {0.0, 10.0, 20.0}
    assert not (tmp_path / "caffe/images").exists()


def test_a_stopped_run_goes_on_from_its_snapshot(setting, target, model, tmp_path):
    settings = SETTINGS.model_copy(update={"iterations": 300})
    job = Job(prepared_with(setting, HEAD), target.train, model.preprocessing, settings)
    watch = Watch(tmp_path / "checkpoint.pt")
    work = training_in_caffe(job, watch, "torchcaffe")
    for step in work:
        if (tmp_path / "caffe/stage0_iter_100.solverstate").exists() and step.done > 100:
            break
    work.close()
    assert not (tmp_path / "caffe/stage0_iter_300.caffemodel").exists()
    with_bar(training_in_caffe(job, watch, "torchcaffe"), quiet=True)
    log = (tmp_path / "caffe/train.log").read_text()
    assert "Resuming from stage0_iter_" in log


def test_terms_are_refused(setting, target, model, tmp_path):
    job = Job(prepared_with(setting, HEAD, terms=[NoTerm()]), target.train, model.preprocessing, SETTINGS)
    with pytest.raises(ExperimentError, match="terms beyond lr_mult"):
        with_bar(training_in_caffe(job, Watch(), "torchcaffe"), quiet=True)


def test_rates_that_caffe_cannot_have_are_refused(setting, target, model, tmp_path):
    job = Job(
        prepared_with(setting, {"conv2": HALF, "scale2": 0.5, **HEAD}), target.train, model.preprocessing, SETTINGS
    )
    with pytest.raises(ExperimentError, match="layer 'scale2' belongs to the filters of layer 'conv2'"):
        with_bar(training_in_caffe(job, Watch(), "torchcaffe"), quiet=True)


@pytest.mark.parametrize(
    ("rates", "wanted"),
    [
        ({"conv2": 1.0, "scale2": 0.5}, {"conv2": (1, 2), "scale2": (0.5, 0.5)}),
        ({"conv2": 0.25, "scale2": 0.25}, {"conv2": (0.25, 0.5), "scale2": (0.25, 0.25)}),
        ({"scale2": 1.0}, {"conv2": (0, 0), "scale2": (1, 1)}),
    ],
)
def test_layers_with_one_rate_each_need_not_be_split(rates, wanted, setting, target, model, tmp_path):
    job = Job(prepared_with(setting, {**rates, **HEAD}), target.train, model.preprocessing, SETTINGS)
    net = write_stage(job, job.prepared.weights, 0, 0, 10, tmp_path).net
    found = {layer.name: tuple(spec.lr_mult for spec in layer.param) for layer in net.layer}
    assert {name: found[name] for name in wanted} == wanted
