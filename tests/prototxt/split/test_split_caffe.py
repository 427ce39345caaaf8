"""Split nets in real Caffe: same loss at rate 0, rates per filter exactly as a slow reference applies them."""

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch.nn import functional

from prototxt.formats.schema import SolverParameter
from prototxt.formats.solverstate import read_solverstate, write_solverstate
from prototxt.formats.text import parse_net, write_message
from prototxt.formats.weights import read_weights, write_weights
from prototxt.split import (
    fill_param_specs,
    filter_rows,
    merge_state,
    merge_weights,
    split_net,
    split_state,
    split_weights,
)
from torchcaffe.network import Network
from torchcaffe.pycaffe.solvers import get_solver

pytestmark = pytest.mark.caffe

# Grouped and depthwise convolution, LRN, BatchNorm + Scale, residual addition, flatten into a fully connected layer.
NET = """
name: "mixed"
layer { name: "data" type: "HDF5Data" top: "data" top: "label" hdf5_data_param { source: "files.txt" batch_size: 6 } }
layer { name: "c1" type: "Convolution" bottom: "data" top: "c1"
        convolution_param { num_output: 8 kernel_size: 3 stride: 2 } }
layer { name: "r1" type: "ReLU" bottom: "c1" top: "c1" }
layer { name: "n1" type: "LRN" bottom: "c1" top: "n1" lrn_param { local_size: 3 alpha: 0.1 beta: 0.75 } }
layer { name: "c2" type: "Convolution" bottom: "n1" top: "c2"
        convolution_param { num_output: 8 kernel_size: 3 pad: 1 group: 2 } }
layer { name: "b2" type: "BatchNorm" bottom: "c2" top: "c2" batch_norm_param { use_global_stats: true } }
layer { name: "s2" type: "Scale" bottom: "c2" top: "c2" scale_param { bias_term: true } }
layer { name: "r2" type: "ReLU" bottom: "c2" top: "c2" }
layer { name: "dw" type: "Convolution" bottom: "c2" top: "dw"
        convolution_param { num_output: 8 kernel_size: 3 pad: 1 group: 8 } }
layer { name: "add" type: "Eltwise" bottom: "c2" bottom: "dw" top: "add" }
layer { name: "ip" type: "InnerProduct" bottom: "add" top: "ip" inner_product_param { num_output: 6 } }
layer { name: "r3" type: "ReLU" bottom: "ip" top: "ip" }
layer { name: "out" type: "InnerProduct" bottom: "ip" top: "out" inner_product_param { num_output: 3 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "out" bottom: "label" top: "loss" }
"""
RATES = {
    "c1": [0, 1, 0.25, 0, 0, 1, 0.25, 1],
    "c2": [0, 0, 0.5, 1, 1, 1, 0, 0.5],
    "dw": [0, 1, 1, 0, 0.1, 0, 1, 0.1],
    "ip": [1, 0, 0, 0.3, 1, 0],
}
CHANNELS = {"c2": 8, "dw": 8}
LR, MOMENTUM, DECAY = 0.05, 0.9, 0.01


def initial_weights():
    rng = np.random.default_rng(5)

    def normal(*shape, scale=0.3):
        return (rng.normal(size=shape) * scale).astype(np.float32)

    return {
        "c1": [normal(8, 4, 3, 3), normal(8)],
        "c2": [normal(8, 4, 3, 3), normal(8)],
        "b2": [normal(8), np.abs(normal(8)) + 0.5, np.array([1.0], np.float32)],
        "s2": [1 + normal(8), normal(8)],
        "dw": [normal(8, 1, 3, 3), normal(8)],
        "ip": [normal(6, 200), normal(6)],
        "out": [normal(3, 6), normal(3)],
    }


def forward(weights, images):
    """The net above, layer by layer in torch, float64; gives the class scores."""
    blobs = {f"{name}{number}": blob for name, layer in weights.items() for number, blob in enumerate(layer)}
    x = functional.relu(functional.conv2d(images, blobs["c10"], blobs["c11"], stride=2))
    x = functional.local_response_norm(x, 3, alpha=0.1, beta=0.75, k=1)
    x = functional.conv2d(x, blobs["c20"], blobs["c21"], padding=1, groups=2)
    mean, variance = blobs["b20"][:, None, None], blobs["b21"][:, None, None]
    x = (x - mean) / torch.sqrt(variance + 1e-5)
    x = functional.relu(x * blobs["s20"][:, None, None] + blobs["s21"][:, None, None])
    x = x + functional.conv2d(x, blobs["dw0"], blobs["dw1"], padding=1, groups=8)
    x = functional.relu(functional.linear(x.flatten(1), blobs["ip0"], blobs["ip1"]))
    return functional.linear(x, blobs["out0"], blobs["out1"])


def reference(images, labels, iterations):
    """Caffe's SGD written out, with a rate for every row: V <- mu V + lr r (g + decay W); W <- W - V."""
    weights = {
        name: [torch.from_numpy(blob.astype(np.float64)) for blob in blobs] for name, blobs in initial_weights().items()
    }
    rates = {**RATES, "s2": RATES["c2"]}
    velocity = {name: [torch.zeros_like(blob) for blob in blobs] for name, blobs in weights.items()}
    for _ in range(iterations):
        for blobs in weights.values():
            for blob in blobs:
                blob.requires_grad_(True).grad = None
        functional.cross_entropy(forward(weights, images), labels).backward()
        for name, blobs in weights.items():
            if name == "b2":
                continue
            for number, blob in enumerate(blobs):
                # Convolutions and fully connected layers: biases learn at twice the rate, without decay.
                twice = number == 1 and name in RATES
                rate = torch.tensor(rates.get(name, [1.0]), dtype=torch.float64) * (2 if twice else 1)
                rate = rate.reshape(-1, *[1] * (blob.ndim - 1))
                gradient = blob.grad + (0 if twice else DECAY) * blob.detach()
                velocity[name][number] = MOMENTUM * velocity[name][number] + LR * rate * gradient
        for name, blobs in weights.items():
            weights[name] = [(b.detach() - v) for b, v in zip(blobs, velocity[name], strict=True)]
    return {name: [blob.numpy() for blob in blobs] for name, blobs in weights.items()}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("split")
    rng = np.random.default_rng(1)
    with h5py.File(folder / "data.h5", "w") as file:
        file["data"] = rng.normal(size=(6, 4, 11, 11)).astype(np.float32)
        file["label"] = np.array([0, 1, 2, 0, 1, 2], np.float32)
    (folder / "files.txt").write_text("data.h5\n")
    net, weights = parse_net(NET), initial_weights()
    split = split_net(net, RATES, CHANNELS)
    write_message(folder / "plain.prototxt", net)
    write_message(folder / "split.prototxt", split.net)
    write_weights(folder / "plain.caffemodel", net, weights)
    write_weights(folder / "split.caffemodel", split.net, split_weights(weights, split.layers))
    return folder, net, split


def solver_file(folder: Path, net: str, prefix: str, iterations: int, **fields):
    options = {"type": "SGD", "momentum": MOMENTUM, "weight_decay": DECAY, "base_lr": LR, **fields}
    solver = SolverParameter(
        net=net, lr_policy="fixed", max_iter=iterations, display=1, snapshot_prefix=prefix, solver_mode="CPU", **options
    )
    write_message(folder / f"{prefix}.prototxt", solver)
    return f"{prefix}.prototxt"


def train(caffe, folder, solver, *arguments):
    result = caffe.run("train", "-solver", solver, *arguments, cwd=folder)
    assert result.returncode == 0, result.stdout[-2000:]
    return result.stdout


def test_loss_at_rate_zero_is_the_same(place, real_caffe):
    folder, _, _ = place
    losses = {}
    for name in ("plain", "split"):
        solver = solver_file(folder, f"{name}.prototxt", f"zero_{name}", 1, base_lr=0)
        log = train(real_caffe, folder, solver, "-weights", f"{name}.caffemodel")
        losses[name] = float(re.search(r"Iteration 0.*, loss = (\S+)", log)[1])
    assert losses["split"] == pytest.approx(losses["plain"], rel=1e-5)


def test_ten_iterations_are_those_of_the_slow_reference(place, real_caffe):
    folder, _, split = place
    train(real_caffe, folder, solver_file(folder, "split.prototxt", "ten", 10), "-weights", "split.caffemodel")
    after = merge_weights(read_weights(folder / "ten_iter_10.caffemodel"), split.layers)
    with h5py.File(folder / "data.h5") as file:
        images, labels = torch.from_numpy(file["data"][()]).double(), torch.from_numpy(file["label"][()]).long()
    expected, before = reference(images, labels, 10), initial_weights()
    layers = {layer.name: layer for layer in parse_net(NET).layer}
    for name, blobs in expected.items():
        for number, blob in enumerate(blobs):
            np.testing.assert_allclose(after[name][number], blob, rtol=0, atol=1e-6, err_msg=f"{name} {number}")
    for name, rates in RATES.items():
        rows = [filter_rows(layers[name], blobs[name]) for blobs in (before, after)]
        for was, now in zip(*rows, strict=True):
            for row, rate in enumerate(rates):
                assert (was[row].tobytes() == now[row].tobytes()) == (rate == 0), (name, row)


SOLVERS = {
    "SGD, iter_size 2": {"iter_size": 2},
    "Nesterov": {"type": "Nesterov"},
    "AdaGrad": {"type": "AdaGrad", "momentum": 0},
    "RMSProp": {"type": "RMSProp", "momentum": 0, "rms_decay": 0.9, "base_lr": 0.005},
    "AdaDelta": {"type": "AdaDelta", "momentum": 0.95, "delta": 1e-6, "base_lr": 1},
    "Adam": {"type": "Adam", "momentum2": 0.999, "base_lr": 0.005},
}


@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_type_gives_every_filter_its_rate(name, place, real_caffe, monkeypatch):
    folder, net, split = place
    prefix = re.sub(r"\W", "", name)
    solver = solver_file(folder, "split.prototxt", prefix, 5, **SOLVERS[name])
    train(real_caffe, folder, solver, "-weights", "split.caffemodel")
    after = merge_weights(read_weights(folder / f"{prefix}_iter_5.caffemodel"), split.layers)

    monkeypatch.chdir(folder)
    write_message(Path("one.prototxt"), fill_param_specs(net, RATES))  # biases of these: twice the rate, no decay
    plain = get_solver(Path(solver_file(folder, "one.prototxt", f"{prefix}_plain", 5, **SOLVERS[name])))
    plain.network.load(initial_weights())
    for learnable in plain.network.learnable:
        rates = RATES["c2"] if learnable.layer == "s2" else RATES.get(learnable.layer)
        if rates is not None:
            shape = (-1, *[1] * (learnable.parameter.ndim - 1))
            rate = torch.tensor(rates).reshape(shape) * learnable.spec.lr_mult
            plain.set_lr_mult(learnable.layer, learnable.index, rate)
    plain.step(5)
    expected = plain.network.weights()
    for layer, blobs in expected.items():
        for number, blob in enumerate(blobs):
            np.testing.assert_allclose(after[layer][number], blob, rtol=0, atol=2e-6, err_msg=f"{layer} {number}")


@pytest.mark.parametrize("type", ["SGD", "Adam"])
def test_a_state_split_again_resumes_to_the_same_bits(type, place, real_caffe):
    folder, net, split = place
    fields = {"type": type, "snapshot": 3, "base_lr": 0.01}
    train(
        real_caffe,
        folder,
        solver_file(folder, "split.prototxt", f"w{type}", 6, **fields),
        "-weights",
        "split.caffemodel",
    )
    weights = read_weights(folder / f"w{type}_iter_3.caffemodel")
    state = read_solverstate(folder / f"w{type}_iter_3.solverstate")
    whole = merge_weights(weights, split.layers)
    merged = merge_state(state, split, weights, net)
    again = split_state(merged, net, whole, split, learned_net=f"again{type}.caffemodel")
    write_weights(folder / f"again{type}.caffemodel", split.net, split_weights(whole, split.layers))
    write_solverstate(folder / f"again{type}.solverstate", again)
    solver = solver_file(folder, "split.prototxt", f"r{type}", 6, **fields)
    train(real_caffe, folder, solver, "-snapshot", f"again{type}.solverstate")
    for suffix in ("caffemodel", "solverstate"):
        one, other = (folder / f"{prefix}{type}_iter_6.{suffix}" for prefix in "wr")
        if suffix == "caffemodel":
            one_blobs, other_blobs = (
                [b.tobytes() for bs in read_weights(p).values() for b in bs] for p in (one, other)
            )
        else:
            one_blobs, other_blobs = ([b.tobytes() for b in read_solverstate(p).history] for p in (one, other))
        assert one_blobs == other_blobs


def test_stock_caffe_itself_refuses_the_unsplit_weights(place, real_caffe):
    """The Concat has the layer's name, so that what would be skipped in silence is an error."""
    folder, _, _ = place
    solver = solver_file(folder, "split.prototxt", "trap", 1)
    result = real_caffe.run("train", "-solver", solver, "-weights", "plain.caffemodel", cwd=folder)
    assert result.returncode != 0
    assert "Incompatible number of blobs for layer c1" in result.stdout


SIAMESE = """
layer { name: "data" type: "HDF5Data" top: "data" top: "label" hdf5_data_param { source: "files.txt" batch_size: 6 } }
layer { name: "cut" type: "Slice" bottom: "data" top: "x" top: "y" slice_param { axis: 2 slice_point: 5 } }
layer { name: "a" type: "Convolution" bottom: "x" top: "a" param { name: "w" lr_mult: 0.5 } param { name: "b" }
        convolution_param { num_output: 4 kernel_size: 5 group: 2 weight_filler { type: "xavier" } } }
layer { name: "b" type: "Convolution" bottom: "y" top: "b" param { name: "w" } param { name: "b" }
        convolution_param { num_output: 4 kernel_size: 5 group: 2 } }
layer { name: "both" type: "Concat" bottom: "a" bottom: "b" top: "both" concat_param { axis: 2 } }
layer { name: "out" type: "InnerProduct" bottom: "both" top: "out"
        inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "out" bottom: "label" top: "loss" }
"""


def test_layers_that_share_parameters_stay_one_in_real_caffe(place, real_caffe):
    folder, _, _ = place
    net, rates = parse_net(SIAMESE), [0, 1, 1, 0.5]
    split = split_net(net, {"a": rates, "b": rates}, {"a": 4, "b": 4})
    rng = np.random.default_rng(3)
    shared = [rng.normal(size=shape).astype(np.float32) for shape in ((4, 2, 5, 5), (4,))]
    before = {"a": shared, "b": shared, "out": [rng.normal(size=s).astype(np.float32) for s in ((3, 84), (3,))]}
    write_message(folder / "siamese.prototxt", split.net)
    write_weights(folder / "siamese.caffemodel", split.net, split_weights(before, split.layers))
    train(
        real_caffe, folder, solver_file(folder, "siamese.prototxt", "siamese_run", 3), "-weights", "siamese.caffemodel"
    )
    after = merge_weights(read_weights(folder / "siamese_run_iter_3.caffemodel"), split.layers)
    state = read_solverstate(folder / "siamese_run_iter_3.solverstate")
    merged = merge_state(state, split, read_weights(folder / "siamese_run_iter_3.caffemodel"), net)
    assert [blob.shape for blob in merged.history] == [(4, 2, 5, 5), (4,), (3, 84), (3,)]
    for was, one, other in zip(shared, after["a"], after["b"], strict=True):
        assert one.tobytes() == other.tobytes()
        assert [was[row].tobytes() == one[row].tobytes() for row in range(4)] == [rate == 0 for rate in rates]


# Dilation, deconvolution (in groups too), PReLU and Bias of the filters, InnerProduct along an axis and transposed.
RARE = """
layer { name: "data" type: "HDF5Data" top: "data" top: "label" hdf5_data_param { source: "files.txt" batch_size: 6 } }
layer { name: "dilated" type: "Convolution" bottom: "data" top: "a"
        convolution_param { num_output: 6 kernel_size: 3 dilation: 2 group: 2 } }
layer { name: "slope" type: "PReLU" bottom: "a" top: "b" }
layer { name: "up" type: "Deconvolution" bottom: "b" top: "c"
        convolution_param { num_output: 6 kernel_size: 2 stride: 2 group: 3 bias_term: false } }
layer { name: "shift" type: "Bias" bottom: "c" top: "c" }
layer { name: "again" type: "Deconvolution" bottom: "c" top: "d" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "factor" type: "Scale" bottom: "d" top: "d" }
layer { name: "act" type: "TanH" bottom: "d" top: "d" }
layer { name: "rows" type: "InnerProduct" bottom: "d" top: "e" inner_product_param { num_output: 6 axis: 2 } }
layer { name: "ip" type: "InnerProduct" bottom: "e" top: "f" inner_product_param { num_output: 5 transpose: true } }
layer { name: "out" type: "InnerProduct" bottom: "f" top: "out" inner_product_param { num_output: 3 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "out" bottom: "label" top: "loss" }
"""
RARE_RATES = {
    "dilated": [0, 1, 0.5, 0, 0, 1],
    "up": [1, 0, 0, 0.25, 1, 1],
    "again": [0.5, 0, 1, 0],
    "rows": [0, 1, 0, 1, 0.3, 0.3],
    "ip": [0, 0.1, 1, 1, 0],
}
FOLLOWERS = {"slope": "dilated", "shift": "up", "factor": "again"}


def test_rare_layers_and_their_companions_learn_filter_by_filter(place, real_caffe, monkeypatch):
    folder, _, _ = place
    monkeypatch.chdir(folder)
    net = parse_net(RARE)
    rng = np.random.default_rng(4)
    before = {
        name: [(0.3 * rng.normal(size=blob.shape)).astype(np.float32) for blob in blobs]
        for name, blobs in Network(net, "TRAIN", seed=1).weights().items()
    }
    split = split_net(net, RARE_RATES, {"dilated": 4, "up": 6})
    assert {layer.layer for layer in split.layers} == {*RARE_RATES, *FOLLOWERS}
    write_message(folder / "rare.prototxt", split.net)
    write_weights(folder / "rare.caffemodel", split.net, split_weights(before, split.layers))
    train(real_caffe, folder, solver_file(folder, "rare.prototxt", "rare_run", 5), "-weights", "rare.caffemodel")
    after = merge_weights(read_weights(folder / "rare_run_iter_5.caffemodel"), split.layers)

    write_message(Path("rare_one.prototxt"), fill_param_specs(net, RARE_RATES))
    plain = get_solver(Path(solver_file(folder, "rare_one.prototxt", "rare_plain", 5)))
    plain.network.load(before)
    for entry in plain.network.learnable:
        rates = RARE_RATES.get(FOLLOWERS.get(entry.layer, entry.layer))
        if rates is not None:
            plain.set_unit_lr_mults(entry.layer, entry.index, np.array(rates) * entry.spec.lr_mult)
    plain.step(5)
    for name, blobs in plain.network.weights().items():
        for number, blob in enumerate(blobs):
            np.testing.assert_allclose(after[name][number], blob, rtol=0, atol=2e-6, err_msg=f"{name} {number}")
    layers = {layer.name: layer for layer in net.layer}
    for name in (*RARE_RATES, *FOLLOWERS):
        rates = RARE_RATES[FOLLOWERS.get(name, name)]
        for was, now in zip(*(filter_rows(layers[name], each[name]) for each in (before, after)), strict=True):
            assert [was[row].tobytes() == now[row].tobytes() for row in range(len(rates))] == [r == 0 for r in rates]
