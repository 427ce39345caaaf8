"""Every method, on a tiny net."""

import numpy as np
import pytest

from finetune.methods import METHODS
from prototxt.net.graph import NetGraph
from prototxt.net.shapes import infer_shapes
from tests.finetune.methods.small import NET


@pytest.fixture(params=sorted(METHODS))
def made(request, setting):
    return METHODS[request.param], METHODS[request.param](setting)


def test_what_is_handed_to_a_trainer_is_whole(made, setting):
    _, prepared = made
    shapes = infer_shapes(prepared.net)
    assert {name: [blob.shape for blob in blobs] for name, blobs in prepared.weights.items()} == shapes.params
    assert shapes.blob(prepared.old_output) == (1, 4)
    assert shapes.blob(prepared.new_output) == (1, 3)
    assert sum(stage.share for stage in prepared.stages) == pytest.approx(1)
    for stage in prepared.stages:
        assert stage.rates.keys() <= shapes.params.keys()
        for name, rate in stage.rates.items():
            assert np.ndim(rate) == 0 or np.shape(rate) == prepared.weights[name][0].shape[:1], name
            assert np.all(np.asarray(rate) >= 0)


def test_layers_of_the_source_net_keep_their_names(made):
    _, prepared = made
    assert [layer.name for layer in prepared.net.layer if layer.name in {old.name for old in NET.layer}][:5] == [
        layer.name for layer in NET.layer
    ][:5]


def test_something_that_the_new_task_reaches_learns(made):
    _, prepared = made
    graph = NetGraph(prepared.net)
    reached = {node.name for node in graph.ancestors([graph.value(prepared.new_output)])}
    last = prepared.stages[-1].rates
    assert any(np.any(np.asarray(rate) > 0) for name, rate in last.items() if name in reached)
    assert all(np.all(np.asarray(rate) == 0) for name, rate in last.items() if name == "fc8") or not prepared.is_plain


def test_registered_facts(made):
    method, prepared = made
    assert method.title
    assert method.source
    assert method.what
    assert prepared.is_plain == method.plain
    assert set(method.grid) <= {"base_lr", *method.options}
    for name, values in method.grid.items():
        assert name == "base_lr" or method.options[name] in values
