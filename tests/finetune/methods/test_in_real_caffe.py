"""What plain methods prepare is trained by stock Caffe, to the same weights as by our own trainer."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from entropy import measure, network_means
from entropy.surgery.rates import with_rates
from finetune.methods import METHODS
from finetune.tasks.pixels import blobs
from finetune.training.batches import Batches
from finetune.training.net import LABEL, training_net
from finetune.training.prepared import Prepared, Setting, Stage
from finetune.training.rates import spread_rates
from finetune.training.settings import TrainingSettings
from finetune.training.trainer import Job, training
from prototxt.common.progress import with_bar
from prototxt.formats.schema import SolverParameter
from prototxt.formats.text import write_message
from prototxt.formats.weights import read_weights, write_weights
from prototxt.net.build import layer
from prototxt.split import Split, merge_weights, split_net, split_weights
from prototxt.split.param_specs import FILTER_TYPES
from tests.finetune.conftest import PIXELS, colours, small_model, small_task, stripes
from tests.finetune.methods.test_registry import SHORT

HOW = TrainingSettings(iterations=2, batch=8, base_lr=0.01)
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


def caffe_folder(folder: Path, prepared: Prepared, batches: Batches) -> Split:
    """The same training as prototxt, caffemodel and HDF5: rates of units by split layers, others as lr_mult."""
    choices = [batches.at(iteration) for iteration in range(HOW.iterations)]
    images = [blobs(batches.part.images[c.rows], PIXELS, c.offsets, c.mirror) for c in choices]
    with h5py.File(folder / "batches.h5", "w") as file:
        file["data"] = np.concatenate(images)
        file[LABEL] = np.concatenate([batches.part.labels[c.rows] for c in choices]).astype(np.float32)
    (folder / "batches.txt").write_text(f"{folder}/batches.h5\n")
    net = training_net(prepared)
    rates = dict.fromkeys(prepared.weights, 0.0) | spread_rates(net, prepared.stages[0])
    net = with_rates(net, rates)
    data = {"source": f"{folder}/batches.txt", "batch_size": HOW.batch}
    kept = [each for each in net.layer if each.type != "Input"]
    del net.layer[:]
    net.layer.extend([layer("HDF5Data", "data", tops=["data", LABEL], hdf5_data_param=data), *kept])
    units = {each.name for each in net.layer if each.type in FILTER_TYPES}
    split = split_net(net, {name: rate for name, rate in rates.items() if name in units and np.ndim(rate)})
    write_message(folder / "net.prototxt", split.net)
    write_weights(folder / "start.caffemodel", split.net, split_weights(prepared.weights, split.layers))
    solver = HOW.solver()
    solver.net, solver.snapshot_prefix = f"{folder}/net.prototxt", f"{folder}/snapshot"
    solver.solver_mode = SolverParameter.CPU
    write_message(folder / "solver.prototxt", solver)
    return split


@pytest.mark.caffe
@pytest.mark.parametrize("name", PLAIN)
def test_two_iterations(name, begun, real_caffe, tmp_path):
    prepared = METHODS[name](begun, **SHORT.get(name, {}))
    last = replace(prepared, stages=[Stage(1.0, prepared.stages[-1].rates)])
    batches = Batches(begun.target.train, begun.model.preprocessing, HOW, seed=3)
    split = caffe_folder(tmp_path, last, batches)
    done = real_caffe.run("train", "-solver", tmp_path / "solver.prototxt", "-weights", tmp_path / "start.caffemodel")
    assert done.returncode == 0, done.stdout[-2000:]
    theirs = merge_weights(read_weights(tmp_path / "snapshot_iter_2.caffemodel"), split.layers)
    job = Job(last, begun.target.train, begun.model.preprocessing, HOW, seed=3)
    for each, found in with_bar(training(job), quiet=True).weights.items():
        for index, blob in enumerate(found):
            np.testing.assert_allclose(
                blob, theirs[each][index].reshape(blob.shape), rtol=0, atol=3e-6, err_msg=f"{each} {index}"
            )
