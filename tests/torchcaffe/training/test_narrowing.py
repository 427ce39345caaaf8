"""Gradients of frozen units at the bottom of a net are left out, and nothing that is updated changes."""

import numpy as np
import pytest
from google.protobuf import text_format

from prototxt.formats.schema import POOL, SolverParameter
from torchcaffe.pycaffe.solvers import SOLVERS

NET = """
layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param {
  shape { dim: 3 dim: 2 dim: 12 dim: 12 } shape { dim: 3 }
  data_filler { type: "gaussian" } data_filler { type: "constant" value: 1 } } }
layer { name: "low" type: "Convolution" bottom: "data" top: "low"
  convolution_param { num_output: 6 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "low" top: "low" }
layer { name: "pool" type: "Pooling" bottom: "low" top: "pool" pooling_param { kernel_size: 3 stride: 2 } }
layer { name: "drop" type: "Dropout" bottom: "pool" top: "pool" }
layer { name: "high" type: "Convolution" bottom: "pool" top: "high"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "out" type: "InnerProduct" bottom: "high" top: "out"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "out" bottom: "label" top: "loss" }
"""
RATES = [0, 1, 0, 0, 0.5, 0]


def make(net=NET, type="SGD", rates=RATES, bias_rates=RATES):
    text = f"base_lr: 0.05 lr_policy: 'fixed' weight_decay: 0.01 momentum: 0.9 random_seed: 3 net_param {{ {net} }}"
    if type in ("AdaGrad", "RMSProp"):
        text = text.replace("momentum: 0.9", "")
    if type == "RMSProp":
        text += " delta: 0.001"  # or it divides rounding by the roots of gradients that are next to nothing
    solver = SOLVERS[type](text_format.Parse(text, SolverParameter(), descriptor_pool=POOL), "cpu")
    solver.set_unit_lr_mults("low", 0, rates)
    solver.set_unit_lr_mults("low", 1, bias_rates)
    return solver


def channels(solver):
    needed = solver.network.layer("high").needed_channels
    return None if needed is None else needed.tolist()


@pytest.mark.parametrize("rates_above", [None, [0, 1, 0, 0]])
@pytest.mark.parametrize("type", SOLVERS)
def test_the_updates_are_the_same(type, rates_above, monkeypatch):
    found = []
    for narrowed in (True, False):
        if not narrowed:
            monkeypatch.setattr("torchcaffe.solver.narrow", lambda *arguments: None)
        solver = make(type=type)
        if rates_above:
            solver.set_unit_lr_mults("high", 0, rates_above)
        assert channels(solver) == ([1, 4] if narrowed else None)
        solver.step(5)
        found.append((solver.network.weights(), solver.updater.history))
    (weights, history), (expected, expected_history) = found
    for name, blobs in expected.items():
        for blob, other in zip(blobs, weights[name], strict=True):
            np.testing.assert_allclose(other, blob, rtol=1e-4, atol=1e-6, err_msg=name)
    for tensor, other in zip(history, expected_history, strict=True):
        np.testing.assert_allclose(tensor, other, rtol=1e-4, atol=1e-6)


CHANGES = {
    "the layer above has groups": ("num_output: 4", "num_output: 4 group: 2"),
    "channels are mixed": ('type: "ReLU"', 'type: "LRN"'),
    "something between learns": ('type: "ReLU"', 'type: "PReLU"'),
    "a second reader": (
        'layer { name: "out"',
        'layer { name: "spy" type: "Silence" bottom: "pool" } layer { name: "out"',
    ),
    "a loss between": ('top: "pool" pooling_param', 'top: "pool" loss_weight: 1 pooling_param'),
    "something learns below": (
        'layer { name: "low" type: "Convolution" bottom: "data"',
        'layer { name: "s" type: "Scale" bottom: "data" top: "s" } layer { name: "low" type: "Convolution" bottom: "s"',
    ),
    "force_backward": ('layer { name: "data"', 'force_backward: true layer { name: "data"'),
}


@pytest.mark.parametrize("name", CHANGES)
def test_nothing_is_left_out_where(name):
    old, new = CHANGES[name]
    assert old in NET
    solver = make(NET.replace(old, new, 1))
    assert channels(solver) is None
    solver.step(1)


def test_units_whose_bias_learns_are_needed():
    assert channels(make(bias_rates=[1, 0, 0, 0, 0, 0])) == [0, 1, 4]
    assert channels(make(bias_rates=[1] * 6)) is None
    assert channels(make(bias_rates=[0] * 6)) == [1, 4]


def test_other_rates_need_other_channels():
    solver = make()
    solver.set_unit_lr_mults("low", 0, [0, 0, 0, 1, 0, 0])
    assert channels(solver) == [1, 3, 4]
    solver.set_lr_mult("low", 0, 1.0)
    assert channels(solver) is None


def test_a_program_that_looks_at_blobs_sees_whole_gradients():
    solver = make()
    assert channels(solver) == [1, 4]
    net = solver.net
    assert channels(solver) is None
    solver.set_unit_lr_mults("low", 0, RATES)
    assert channels(solver) is None
    solver.step(1)
    assert np.abs(net.blobs["pool"].diff).reshape(3, 6, -1).sum((0, 2)).all()
