"""Split nets trained as one: the numbers and files of the parts one by one, in torchcaffe and in real Caffe."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from prototxt.common.errors import NetError
from prototxt.formats.schema import POOL, SolverParameter
from prototxt.formats.solverstate import read_solverstate
from prototxt.formats.text import parse_net, to_text
from prototxt.formats.weights import read_weights, write_weights
from prototxt.split import filter_rows, merge_weights, split_net
from torchcaffe.pycaffe.solvers import SOLVERS
from torchcaffe.solver import Solver

FILLER = 'weight_filler { type: "msra" variance_norm: FAN_OUT } bias_filler { type: "uniform" min: -0.1 max: 0.1 }'
# Grouped and depthwise convolution, deconvolution, LRN, BatchNorm + Scale, PReLU, residual addition, dropout.
NET = f"""
name: "mixed"
layer {{ name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param {{
  shape {{ dim: 5 dim: 4 dim: 9 dim: 9 }} shape {{ dim: 5 }}
  data_filler {{ type: "gaussian" }} data_filler {{ type: "constant" value: 1 }} }} }}
layer {{ name: "c1" type: "Convolution" bottom: "data" top: "c1"
        convolution_param {{ num_output: 8 kernel_size: 3 stride: 2 {FILLER} }} }}
layer {{ name: "p1" type: "PReLU" bottom: "c1" top: "c1" }}
layer {{ name: "n1" type: "LRN" bottom: "c1" top: "n1" lrn_param {{ local_size: 3 alpha: 0.1 beta: 0.75 }} }}
layer {{ name: "c2" type: "Convolution" bottom: "n1" top: "c2"
        convolution_param {{ num_output: 8 kernel_size: 3 pad: 1 group: 2 {FILLER} }} }}
layer {{ name: "b2" type: "BatchNorm" bottom: "c2" top: "b2" batch_norm_param {{ use_global_stats: true eps: 1 }} }}
layer {{ name: "s2" type: "Scale" bottom: "b2" top: "b2" scale_param {{ bias_term: true }} }}
layer {{ name: "r2" type: "ReLU" bottom: "b2" top: "b2" }}
layer {{ name: "dw" type: "Convolution" bottom: "b2" top: "dw"
        convolution_param {{ num_output: 8 kernel_size: 3 pad: 1 group: 8 {FILLER} }} }}
layer {{ name: "add" type: "Eltwise" bottom: "b2" bottom: "dw" top: "add" }}
layer {{ name: "up" type: "Deconvolution" bottom: "add" top: "up"
        convolution_param {{ num_output: 6 kernel_size: 2 stride: 2 group: 2 {FILLER} }} }}
layer {{ name: "ip" type: "InnerProduct" bottom: "up" top: "ip" inner_product_param {{ num_output: 6 {FILLER} }} }}
layer {{ name: "r3" type: "ReLU" bottom: "ip" top: "ip" }}
layer {{ name: "drop" type: "Dropout" bottom: "ip" top: "ip" dropout_param {{ dropout_ratio: 0.3 }} }}
layer {{ name: "out" type: "InnerProduct" bottom: "ip" top: "out"
        inner_product_param {{ num_output: 3 weight_filler {{ type: "gaussian" std: 0.01 }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "out" bottom: "label" top: "loss" }}
"""
RATES = {
    "c1": [0, 1, 0.25, 0, 0, 1, 0.25, 1],
    "c2": [0, 0, 0.5, 1, 1, 1, 0, 0.5],
    "dw": [0, 1, 1, 0, 0.1, 0, 1, 0.1],
    "up": [0, 0, 0, 1, 0, 0.5],
    "ip": [1, 0, 0, 0.3, 1, 0],
}
SPLIT = split_net(parse_net(NET), RATES, {"c2": 8, "dw": 8, "up": 8})
# What comes before the rule, with one rule of each kind: the rate enters the history, or not.
BEFORE, KINDS = ["iter_size: 2", "clip_gradients: 0.5", 'regularization_type: "L1"'], ["SGD", "Adam"]
FOLLOWERS = {"p1": "c1", "s2": "c2"}


@pytest.fixture
def make(tmp_path):
    """A solver of the split net, joined or apart, with snapshots in the test's folder."""

    def make_solver(join: bool, type: str = "SGD", settings: str = "", net: str = "", seed: int = 3) -> Solver:
        momentum = "" if type in ("AdaGrad", "RMSProp") else "momentum: 0.9"
        base = f'base_lr: 0.001 lr_policy: "step" stepsize: 4 gamma: 0.5 weight_decay: 0.01 random_seed: {seed}'
        text = f'{base} {momentum} max_iter: 9 snapshot_prefix: "{tmp_path}/{"joined" if join else "apart"}" {settings}'
        text += f" net_param {{ {net or to_text(SPLIT.net)} }}"
        return SOLVERS[type](text_format.Parse(text, SolverParameter(), descriptor_pool=POOL), "cpu", join=join)

    return make_solver


def assert_same(weights, expected, atol=2e-6):
    assert list(weights) == list(expected)
    for name, blobs in expected.items():
        for index, (blob, other) in enumerate(zip(blobs, weights[name], strict=True)):
            np.testing.assert_allclose(other, blob, rtol=0, atol=atol, err_msg=f"{name} {index}")


def assert_frozen(before, after):
    layers = {layer.name: layer for layer in parse_net(NET).layer}
    for name in (*RATES, *FOLLOWERS):
        rates = RATES[FOLLOWERS.get(name, name)]
        for was, now in zip(*(filter_rows(layers[name], blobs[name]) for blobs in (before, after)), strict=True):
            for unit, rate in enumerate(rates):
                assert (was[unit].tobytes() == now[unit].tobytes()) == (rate == 0), (name, unit)


def test_the_layers_are_joined_and_filled_with_the_numbers_of_the_parts(make):
    apart, joined = make(False), make(True)
    assert [layer.name for layer in joined.network.net.layer] == [layer.name for layer in parse_net(NET).layer]
    assert joined.stored[0].layers == SPLIT.layers
    assert_same(joined.stored[0].weights(), apart.network.weights(), atol=0)


@pytest.mark.parametrize(("type", "settings"), [*itertools.product(SOLVERS, [""]), *itertools.product(KINDS, BEFORE)])
def test_training_gives_the_same_numbers(make, type, settings):
    apart, joined = make(False, type, settings), make(True, type, settings)
    before = joined.network.weights()
    losses = [list(solver.steps(12)) for solver in (apart, joined)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    assert_same(joined.stored[0].weights(), apart.network.weights(), atol=2e-5 if type == "AdaDelta" else 5e-6)
    assert_frozen(before, joined.network.weights())
    for blob, other in zip(joined.stored[0].take_apart(joined.updater.history), apart.updater.history, strict=True):
        np.testing.assert_allclose(blob, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("type", ["SGD", "Adam"])
@pytest.mark.parametrize("settings", ["", "snapshot_format: HDF5"])
def test_snapshots_are_those_of_the_split_net(make, type, settings):
    apart, joined = make(False, type, settings), make(True, type, settings)
    files = []
    for solver in (apart, joined):
        solver.step(3)
        files.append(solver.snapshot())
    for solver in (apart, joined):
        model, state = files[solver is apart]  # each goes on from the other's snapshot
        found = read_weights(model, SPLIT.net)
        shapes = {name: [blob.shape for blob in blobs] for name, blobs in apart.network.weights().items()}
        assert {name: [blob.shape for blob in blobs] for name, blobs in found.items()} == shapes
        if not settings:  # HDF5 has no order
            assert list(found) == list(shapes)
        solver.restore(state)
        assert solver.iter == 3
        for blob, other in zip(
            solver.stored[0].take_apart(solver.updater.history), read_solverstate(state).history, strict=True
        ):
            np.testing.assert_array_equal(blob, np.asarray(other).reshape(blob.shape))
        assert_same(solver.stored[0].weights(), {name: found[name] for name in shapes}, atol=0)
        solver.step(4)
    assert_same(joined.stored[0].weights(), apart.network.weights(), atol=5e-6)


def test_a_snapshot_restored_goes_on_with_the_same_bits(make):
    solver = make(True)
    solver.step(3)
    _, state = solver.snapshot()
    solver.step(3)
    again = make(True)
    again.restore(state)
    # Random layers go on from their beginning, as in Caffe; so the first three passes are made, and forgotten.
    fresh = make(True)
    fresh.restore(state)
    for each in (again, fresh):
        each.step(3)
    for name, blobs in again.network.weights().items():
        assert [blob.tobytes() for blob in blobs] == [blob.tobytes() for blob in fresh.network.weights()[name]]


def test_weights_of_some_layers_are_loaded_and_others_kept(make, tmp_path):
    joined = make(True)
    before = joined.stored[0].weights()
    some = {"c1__g1_lr0.25": [blob + 1 for blob in before["c1__g1_lr0.25"]], "out": [b + 2 for b in before["out"]]}
    write_weights(tmp_path / "some.caffemodel", SPLIT.net, some)
    joined.load_weights(str(tmp_path / "some.caffemodel"))
    assert_same(joined.stored[0].weights(), before | some, atol=0)


def test_weights_that_do_not_belong_are_refused_as_in_the_net_apart(make, tmp_path):
    joined = make(True)
    plain = merge_weights(joined.stored[0].weights(), SPLIT.layers)
    write_weights(tmp_path / "plain.caffemodel", parse_net(NET), plain)
    for solver in (make(False), joined):
        with pytest.raises(NetError, match=r"layer 'c1' \(Concat\): has 0 parameter blobs, but the weights have 2"):
            solver.load_weights(str(tmp_path / "plain.caffemodel"))
    other = make(False, "Adam")
    other.step(1)
    with pytest.raises(NetError, match=r"this solver keeps \d+; it is the state of another net or another solver"):
        joined.restore(other.snapshot()[1])


def test_test_nets_are_joined_with_the_training_net_and_share_its_weights(make):
    test = "test_iter: 2 test_interval: 3"
    apart, joined = make(False, settings=test), make(True, settings=test)
    for solver in (apart, joined):
        solver.step(4)
    assert joined.test_networks[0].params["c1"][0] is joined.network.params["c1"][0]
    assert joined.test().loss == pytest.approx(apart.test().loss, rel=1e-5)


def test_where_a_test_net_looks_into_a_part_that_layer_stays_apart(make):
    spy = 'layer { name: "spy" type: "Silence" bottom: "c1__g0_lr0" include { phase: TEST } }'
    # A blob with a second reader cannot be changed in place: so the spy reads a part of "dw", which has no companions.
    net = to_text(SPLIT.net) + spy.replace("c1", "dw")
    joined = make(True, settings="test_iter: 1 test_interval: 3", net=net)
    assert {layer.layer for layer in joined.stored[0].layers} == {"c1", "p1", "c2", "b2", "s2", "up", "ip"}
    joined.step(4)


def test_a_net_without_splits_is_not_changed_by_joining(make):
    plain = make(True, net=NET)
    assert plain.stored[0].layers == ()
    plain.step(1)


def test_hundreds_of_rates_are_one_layer(make):
    rates = np.random.default_rng(0).permutation(200) / 200
    net = NET.replace(
        'top: "ip" inner_product_param { num_output: 6', 'top: "ip" inner_product_param { num_output: 200'
    )
    split = split_net(parse_net(net), {"ip": rates})
    assert len(split.layers[0].parts) == 200
    apart, joined = (make(join, net=to_text(split.net)) for join in (False, True))
    for solver in (apart, joined):
        solver.step(2)
    assert len(joined.network.layers) == len(parse_net(net).layer)
    assert_same(joined.stored[0].weights(), apart.network.weights())


@pytest.mark.caffe
@pytest.mark.parametrize("type", ["SGD", "Adam"])
def test_real_caffe_goes_on_from_a_joined_snapshot_with_the_same_numbers(make, real_caffe, tmp_path, type):
    # Without random layers, which draw other numbers in Caffe.
    net = to_text(SPLIT.net).replace('type: "gaussian"', 'type: "constant" value: 0.5').replace("0.3", "1e-07")
    joined = make(True, type, net=net)
    joined.step(3)
    _, state = joined.snapshot()
    param = SolverParameter()
    param.CopyFrom(joined.param)
    param.max_iter, param.snapshot_prefix, param.type = 8, "caffe", type
    (tmp_path / "solver.prototxt").write_text(text_format.MessageToString(param))
    result = real_caffe.run("train", "-solver", "solver.prototxt", "-snapshot", str(state), cwd=tmp_path)
    assert result.returncode == 0, result.stdout[-2000:]
    joined.step(5)
    expected = read_weights(Path(tmp_path) / "caffe_iter_8.caffemodel")
    assert_same(joined.stored[0].weights(), {name: expected[name] for name in joined.stored[0].weights()}, atol=5e-6)
    _, state = joined.snapshot()
    for blob, other in zip(
        read_solverstate(state).history, read_solverstate(tmp_path / "caffe_iter_8.solverstate").history, strict=True
    ):
        np.testing.assert_allclose(blob, other, rtol=1e-3, atol=1e-5)
