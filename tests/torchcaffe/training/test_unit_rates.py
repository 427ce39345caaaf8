"""A learning rate for every unit: frozen units keep their bits, cost no gradient, and the others learn as without."""

import itertools

import numpy as np
import pytest
import torch
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st

from prototxt.common.errors import NetError
from prototxt.formats.schema import POOL, SolverParameter
from prototxt.split.blobs import to_rows
from prototxt.split.layouts import group_count, layouts_of
from torchcaffe import partial
from torchcaffe.pycaffe.solvers import SOLVERS
from torchcaffe.solver import Solver

LAYERS = {
    "Convolution": "convolution_param { num_output: 8 kernel_size: 3 group: %d weight_filler { type: 'xavier' } }",
    "Deconvolution": "convolution_param { num_output: 8 kernel_size: 2 group: %d weight_filler { type: 'xavier' } }",
    "InnerProduct": "inner_product_param { num_output: 8 weight_filler { type: 'xavier' } }",
    "InnerProduct transposed": "inner_product_param { num_output: 8 transpose: true weight_filler { type: 'xavier' } }",
}
KINDS = [*itertools.product(LAYERS, [1]), ("Convolution", 2), ("Convolution", 4), ("Deconvolution", 2)]
RATES = [0, 1, 0.25, 0, 0, 2, 0, 0]


def make(kind="Convolution", groups=1, type="SGD", settings=""):
    param = LAYERS[kind] % groups if "%d" in LAYERS[kind] else LAYERS[kind]
    shapes = "shape { dim: 3 dim: 4 dim: 5 dim: 5 } shape { dim: 3 }"
    net = f"""
      layer {{ name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param {{ {shapes}
        data_filler {{ type: "gaussian" }} data_filler {{ type: "constant" value: 1 }} }} }}
      layer {{ name: "below" type: "Convolution" bottom: "data" top: "below"
        convolution_param {{ num_output: 4 kernel_size: 1 weight_filler {{ type: "xavier" }} }} }}
      layer {{ name: "f" type: "{kind.split()[0]}" bottom: "below" top: "f" {param} }}
      layer {{ name: "slope" type: "PReLU" bottom: "f" top: "f" }}
      layer {{ name: "out" type: "InnerProduct" bottom: "f" top: "out"
        inner_product_param {{ num_output: 3 weight_filler {{ type: "xavier" }} }} }}
      layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "out" bottom: "label" top: "loss" }}"""
    base = "base_lr: 0.05 lr_policy: 'fixed' weight_decay: 0.01 random_seed: 3 max_iter: 9"
    text = f"{base} {settings} net_param {{ {net} }}"
    return SOLVERS[type](text_format.Parse(text, SolverParameter(), descriptor_pool=POOL), "cpu")


def rows(solver: Solver, arrays, name="f"):
    layer = solver.network.layer(name)
    groups = group_count(layer.param)
    return [to_rows(a, layout, groups) for a, layout in zip(arrays, layouts_of(layer.param), strict=True)]


@pytest.mark.parametrize("settings", ["", "momentum: 0.9", "momentum: 0.9 iter_size: 2", "clip_gradients: 0.1"])
@pytest.mark.parametrize(("kind", "groups"), KINDS)
def test_units_learn_as_in_the_thorough_solver(kind, groups, settings, monkeypatch):
    """Compared with the whole gradient, the whole update, and rates that are tensors of the blob's own shape."""
    solver, thorough = make(kind, groups, settings=settings), make(kind, groups, settings=settings)
    before = solver.network.weights()["f"]
    for index in (0, 1):
        solver.set_unit_lr_mults("f", index, RATES)
        rate = solver.updater.multipliers[2 + index].lr
        thorough.set_lr_mult("f", index, rate.expand(thorough.network.layer("f").blob_shapes[index]).clone())
    solver.set_unit_lr_mults("slope", 0, RATES)
    thorough.set_lr_mult("slope", 0, torch.tensor(RATES))
    solver.step(4)
    monkeypatch.setattr("torchcaffe.update.Updater._moving", lambda *arguments: None)
    thorough.step(4)
    for name, blobs in thorough.network.weights().items():
        for blob, other in zip(blobs, solver.network.weights()[name], strict=True):
            np.testing.assert_allclose(other, blob, rtol=1e-5, atol=1e-6, err_msg=name)
    for tensor, other in zip(solver.updater.history, thorough.updater.history, strict=True):
        np.testing.assert_allclose(tensor, other, rtol=1e-4, atol=1e-6)
    for was, now in zip(rows(solver, before), rows(solver, solver.network.weights()["f"]), strict=True):
        for unit, rate in enumerate(RATES):
            assert (was[unit].tobytes() == now[unit].tobytes()) == (rate == 0), unit


@pytest.mark.parametrize("type", SOLVERS)
def test_every_solver_type_keeps_frozen_units_and_their_history_as_caffe_does(type):
    """Caffe gives a frozen blob no gradient; the decay enters the history of those rules that scale afterwards."""
    momentum = "" if type in ("AdaGrad", "RMSProp") else "momentum: 0.9"
    solver, frozen = make(type=type, settings=momentum), make(type=type, settings=momentum)
    for index in (0, 1):
        solver.set_unit_lr_mults("f", index, RATES)
        frozen.set_unit_lr_mults("f", index, [0] * 8)
    before = solver.network.weights()["f"]
    solver.step(3)
    frozen.step(3)
    after, still = solver.network.weights()["f"], np.array(RATES) == 0
    for was, now in zip(before, after, strict=True):
        assert was[still].tobytes() == now[still].tobytes()
        assert (was[~still] != now[~still]).reshape(3, -1).any(1).all()
    count = len(solver.updater.learnable)
    for place in range(2, len(solver.updater.history), count):
        found, expected = solver.updater.history[place], frozen.updater.history[place]
        np.testing.assert_allclose(found[still], expected[still], rtol=1e-6)


def test_a_frozen_unit_with_momentum_left_coasts_on_as_in_caffe():
    solver = make(settings="momentum: 0.5")
    solver.set_unit_lr_mults("f", 0, RATES)
    solver.step(1)
    solver.updater.history[2][0].fill_(0.5)
    before = solver.network.weights()["f"][0]
    solver.step(1)
    moved = solver.network.weights()["f"][0] - before
    np.testing.assert_allclose(moved[0], -0.25, atol=1e-6)
    assert not moved[3].any()


def test_what_was_subtracted_is_the_gradient_of_free_units_and_zero_of_frozen_ones():
    solver = make()
    solver.set_unit_lr_mults("f", 0, RATES)
    solver.set_unit_lr_mults("f", 1, RATES)
    before = solver.network.weights()["f"]
    solver.step(1)
    for blob, was in zip(solver.network.params["f"], before, strict=True):
        np.testing.assert_allclose(blob.grad, was - blob.detach().numpy(), atol=1e-6)


def test_equal_rates_are_a_number_and_zero_ends_back_propagation():
    solver = make()
    solver.set_unit_lr_mults("f", 0, [0.5] * 8)
    assert solver.updater.multipliers[2].lr == 0.5
    solver.set_unit_lr_mults("f", 0, [0] * 8)
    assert not solver.network.params["f"][0].requires_grad


def test_a_plain_rate_lets_all_units_learn_again():
    solver = make()
    solver.set_unit_lr_mults("f", 0, RATES)
    solver.set_lr_mult("f", 0, 1.0)
    before = solver.network.weights()["f"][0]
    solver.step(1)
    assert (before != solver.network.weights()["f"][0]).reshape(8, -1).any(1).all()


@pytest.mark.parametrize(
    ("layer", "index", "rates", "message"),
    [
        ("f", 0, [1, 0], "'f' .*has 8 units in blob 0, but multipliers of shape"),
        ("f", 0, [-1] * 8, "at least 0"),
        ("f", 2, [1] * 8, "'f' .*has no blob 2 with a row for every unit"),
        ("loss", 0, [1] * 8, "'loss' .*has no blob 0"),
        ("g", 0, [1], "no layer 'g'"),
    ],
)
def test_rates_that_do_not_fit(layer, index, rates, message):
    with pytest.raises(NetError, match=message):
        make().set_unit_lr_mults(layer, index, rates)


@st.composite
def convolutions(draw):
    groups = draw(st.sampled_from([1, 2, 3, 4]))
    size = draw(st.integers(1, 4))
    free = draw(st.lists(st.integers(0, groups * size - 1), min_size=1, unique=True))
    return draw(st.integers(1, 3)), draw(st.booleans()), groups, size, sorted(free)


@given(case=convolutions(), seed=st.integers(0, 99), stride=st.integers(1, 2), dilation=st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_partial_gradients_are_rows_of_the_whole_one(case, seed, stride, dilation):
    axes, transposed, groups, size, free = case
    choice = partial.choose_units(torch.tensor(free), groups * size, groups)
    if choice is None:
        assert max(np.bincount(np.array(free) // size, minlength=groups)) == size
        return
    generator = torch.Generator().manual_seed(seed)

    def tensor(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)

    x, bias = tensor(2, 2 * groups, *[6] * axes), tensor(groups * size)
    weight = tensor(*((2 * groups, size) if transposed else (groups * size, 2)), *[2] * axes)
    geometry = partial.Geometry([stride] * axes, [1] * axes, [dilation] * axes, transposed, groups)
    whole = torch.convolution(x, weight, bias, *geometry[:4], [0] * axes, groups)
    found = partial.convolve(x, weight, bias, geometry, choice)
    torch.testing.assert_close(found, whole)
    above = torch.randn(whole.shape, generator=generator, dtype=torch.float64)
    expected, got = (torch.autograd.grad(top, (x, weight, bias), above) for top in (whole, found))
    torch.testing.assert_close(got[::2], expected[::2])
    layout = "deconvolution" if transposed else "rows"
    ours, theirs = (to_rows(gradients[1].numpy(), layout, groups) for gradients in (got, expected))
    np.testing.assert_allclose(ours[free], theirs[free], rtol=1e-10, atol=1e-12)
    assert not np.delete(ours, free, axis=0).any()
