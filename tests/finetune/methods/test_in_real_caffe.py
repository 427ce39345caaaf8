"""What plain methods prepare is trained by stock Caffe, to the same weights as by our own trainer."""

from dataclasses import replace

import numpy as np
import pytest

from entropy import measure, network_means
from finetune.methods import METHODS
from finetune.tasks.pixels import blobs
from finetune.training.caffe_folder import StageFiles, write_stage, writing_images
from finetune.training.prepared import Setting, Stage
from finetune.training.settings import TrainingSettings
from finetune.training.trainer import Job, Trainer
from prototxt.formats.weights import read_weights
from prototxt.split import merge_weights
from tests.finetune.conftest import colours, small_model, small_task, stripes
from tests.finetune.methods.test_registry import SHORT
from tests.finetune.training.test_caffe_engine import in_order

HOW = TrainingSettings(iterations=2, batch=8, base_lr=0.01, crop="centre", mirror=False)
PLAIN = sorted(name for name, method in METHODS.items() if method.plain)


@pytest.fixture(scope="module")
def begun(tmp_path_factory) -> Setting:
    """Without Dropout, whose random numbers are not Caffe's."""
    model = small_model()
    source = small_task(colours, ("red", "green", "blue"), 48, 30)
    target = small_task(stripes, ("lying", "standing"), 40, 30)
    found = measure(network_means(model.network(), [blobs(source.train.images, model.preprocessing)]), bins=4)
    random = np.random.default_rng(0)
    table = replace(found, taylor=random.random(len(found)), mas=random.random(len(found)))
    return Setting(model, source, target, lambda profile: table, folder=tmp_path_factory.mktemp("run"), training=HOW)


@pytest.mark.caffe
@pytest.mark.parametrize("name", PLAIN)
def test_two_iterations(name, begun, real_caffe, tmp_path):
    prepared = METHODS[name](begun, **SHORT.get(name, {}))
    last = replace(prepared, stages=[Stage(1.0, prepared.stages[-1].rates)])
    job = Job(last, begun.target.train, begun.model.preprocessing, HOW)
    assert list(writing_images(job, tmp_path))
    split = write_stage(job, last.weights, 0, 0, HOW.iterations, tmp_path)
    files = StageFiles.of(0)
    text = (tmp_path / files.net).read_text()
    assert "shuffle: true" in text
    (tmp_path / files.net).write_text(text.replace("shuffle: true", "shuffle: false"))
    done = real_caffe.run("train", "-solver", files.solver, "-weights", files.start, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-2000:]
    theirs = merge_weights(read_weights(tmp_path / files.snapshot(HOW.iterations)), split.layers)
    trainer = Trainer(job)
    trainer._batches.at = in_order(len(begun.target.train))
    for _ in range(HOW.iterations):
        trainer.step()
    ours = trainer.network_weights()
    learning = {each for each, rate in last.stages[0].rates.items() if np.any(rate)}
    assert learning <= theirs.keys()
    for each in theirs.keys() & ours.keys():
        for index, blob in enumerate(ours[each]):
            found = theirs[each][index].reshape(blob.shape)
            np.testing.assert_allclose(blob, found, rtol=0, atol=1e-5, err_msg=f"{each} {index}")
