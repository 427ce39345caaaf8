"""Every method, on tiny nets: one as AlexNet is made, one with BatchNorm and Scale."""

from dataclasses import replace

import numpy as np
import pytest

from entropy import measure, network_means
from finetune.methods import METHODS
from finetune.tasks.pixels import blobs
from finetune.training.settings import TrainingSettings
from finetune.training.trainer import Job, training
from prototxt.common.progress import with_bar
from prototxt.net.graph import NetGraph
from prototxt.net.shapes import infer_shapes
from tests.finetune.conftest import colours, small_model, small_task, stripes

# What costs time in a study and nothing here.
SHORT = {
    "ebll": {"code": 4, "images": 20, "iterations": 3},
    "ewc": {"images": 5},
    "expert-gate": {"code": 4, "images": 20, "iterations": 3},
    "free-and-repair": {"iterations": 2},
    "mas": {"images": 5},
    "npc": {"images": 20},
    "packnet": {"iterations": 2},
    "si": {"iterations": 2},
}
HOW = TrainingSettings(iterations=4, batch=6, base_lr=0.001, display=1)


@pytest.fixture(scope="module")
def normalised():
    """A net with BatchNorm and Scale, and the table of its filters."""
    model = small_model(dropout=True)
    source = small_task(colours, ("red", "green", "blue"), 48, 30)
    found = measure(network_means(model.network(), [blobs(source.train.images, model.preprocessing)]), bins=4)
    random = np.random.default_rng(0)
    return model, source, replace(found, taylor=random.random(len(found)), mas=random.random(len(found)))


@pytest.fixture(params=["as AlexNet", "normalised"])
def begun(request, setting, normalised):
    if request.param == "normalised":
        model, source, table = normalised
        target = small_task(stripes, ("lying", "standing"), 40, 30)
        setting = replace(setting, model=model, source=source, target=target, measure=lambda profile: table)
    return replace(setting, training=HOW)


EVERY = sorted(METHODS)


@pytest.fixture(params=EVERY)
def made(request, begun):
    return METHODS[request.param], METHODS[request.param](begun, **SHORT.get(request.param, {}))


def test_what_is_handed_to_a_trainer_is_whole(made, begun):
    _, prepared = made
    shapes = infer_shapes(prepared.net)
    assert {name: [blob.shape for blob in blobs] for name, blobs in prepared.weights.items()} == shapes.params
    assert shapes.blob(prepared.old_output) == (1, len(begun.source.classes))
    assert shapes.blob(prepared.new_output) == (1, len(begun.target.classes))
    assert sum(stage.share for stage in prepared.stages) == pytest.approx(1)
    for stage in prepared.stages:
        assert stage.rates.keys() <= shapes.params.keys()
        for name, rate in stage.rates.items():
            assert np.ndim(rate) == 0 or np.shape(rate) == prepared.weights[name][0].shape[:1], name
            assert np.all(np.asarray(rate) >= 0)


def test_it_trains(made, begun):
    _, prepared = made
    job = Job(prepared, begun.target.train, begun.model.preprocessing, HOW)
    trained = with_bar(training(job), quiet=True).weights
    last = prepared.stages[-1].rates
    graph = NetGraph(prepared.net)
    reached = {node.name for node in graph.ancestors([graph.value(prepared.new_output)])}
    moved = {
        name for name, blobs in prepared.weights.items() if any(map(np.any, map(np.subtract, trained[name], blobs)))
    }
    assert moved <= {name for name, rate in last.items() if np.any(np.asarray(rate) > 0)}
    assert moved & reached
    for name, rate in last.items():
        if name in moved and np.ndim(rate):
            frozen = np.asarray(rate) == 0
            np.testing.assert_array_equal(trained[name][0][frozen], prepared.weights[name][0][frozen])


def test_layers_of_the_source_net_keep_their_names(made, begun):
    _, prepared = made
    old = [layer.name for layer in begun.model.net.layer]
    assert [layer.name for layer in prepared.net.layer][: len(old)] == old


def test_something_that_the_new_task_reaches_learns(made):
    _, prepared = made
    graph = NetGraph(prepared.net)
    reached = {node.name for node in graph.ancestors([graph.value(prepared.new_output)])}
    last = prepared.stages[-1].rates
    assert any(np.any(np.asarray(rate) > 0) for name, rate in last.items() if name in reached)
    if prepared.is_plain:
        assert all(not np.any(rate) for name, rate in last.items() if name in ("fc8", "fc4"))


def test_registered_facts(made):
    method, prepared = made
    assert method.title
    assert method.source
    assert method.what
    assert prepared.is_plain == method.plain
    assert set(method.grid) <= {"base_lr", *method.options}
    for name, values in method.grid.items():
        assert name == "base_lr" or method.options[name] in values


@pytest.mark.parametrize("name", ["packnet", "si", "free-and-repair", "expert-gate"])
def test_what_takes_long_before_the_training_tells_its_progress_and_can_be_stopped(name, begun):
    options = SHORT[name] | ({"iterations": 5} if name != "expert-gate" else {})
    work = METHODS[name].preparing(begun, **options)
    steps = [next(work)]
    work.close()
    work = METHODS[name].preparing(begun, **options)
    try:
        while True:
            steps.append(next(work))
    except StopIteration as stop:
        prepared = stop.value
    expected = 2 if name == "expert-gate" else 5
    assert {step.total for step in steps} == {expected}
    assert len({step.done for step in steps}) >= expected
    assert prepared.net.layer
