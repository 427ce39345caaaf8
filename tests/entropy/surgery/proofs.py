"""What every surgery must keep: the old outputs to the bit, before and after training, in both engines."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import torch

from entropy.planning.frozen import with_global_statistics
from entropy.split_folder.writing import in_channels
from entropy.surgery.extended import Extended
from entropy.surgery.rates import with_rates
from prototxt.formats.schema import NetParameter, SolverParameter
from prototxt.formats.text import write_message
from prototxt.formats.weights import Weights, read_weights, write_weights
from prototxt.lint import lint_net, warn_net
from prototxt.net.build import layer as make_layer
from prototxt.net.graph import NetGraph
from prototxt.net.shapes import infer_shapes
from prototxt.split import Split, merge_weights, split_net, split_weights
from torchcaffe.network import Network
from torchcaffe.pycaffe.solvers import SGDSolver

CLASS = 1


def images(net: NetParameter, seed: int = 3) -> np.ndarray:
    shape = infer_shapes(net).blob(NetGraph(net).inputs[0].blob)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def values(net: NetParameter, weights: Weights, blobs: Sequence[str], batch: np.ndarray) -> list[np.ndarray]:
    """Blobs of a forward pass of torchcaffe."""
    network = Network(net, weights=weights)
    with torch.no_grad():
        found = network.run({network.graph.inputs[0]: batch}, blobs)
    return [found[network.graph.value(blob)].numpy() for blob in blobs]


FORWARD = """
import os, sys
os.environ["GLOG_minloglevel"] = "2"
import caffe, numpy as np
net = caffe.Net(sys.argv[1], caffe.TEST, weights=sys.argv[2])
net.blobs[net.inputs[0]].data[...] = np.load("images.npy")
net.forward()
np.savez("values.npz", **{str(n): net.blobs[name].data for n, name in enumerate(sys.argv[3:])})
"""


def caffe_values(
    caffe, net: NetParameter, weights: Weights, blobs: Sequence[str], batch: np.ndarray, folder: Path
) -> list[np.ndarray]:
    """Blobs of a forward pass of real Caffe."""
    write_message(folder / "net.prototxt", net)
    write_weights(folder / "net.caffemodel", net, weights)
    np.save(folder / "images.npy", batch)
    result = caffe.run_python(FORWARD, "net.prototxt", "net.caffemodel", *blobs, cwd=folder)
    assert result.returncode == 0, result.stdout[-3000:]
    with np.load(folder / "values.npz") as found:
        return [found[str(n)] for n in range(len(blobs))]


def training_net(extended: Extended) -> NetParameter:
    """Random images, always the same class, and the new head's loss; rates as they are meant."""
    deploy = with_global_statistics(with_rates(extended.net, extended.rates))[0]
    graph = NetGraph(deploy)
    shape = infer_shapes(deploy).blob(graph.inputs[0].blob)
    data = make_layer(
        "DummyData", "images", (), [graph.inputs[0].blob, "label"],
        dummy_data_param={"shape": [{"dim": shape}, {"dim": shape[:1]}],
                          "data_filler": [{"type": "gaussian", "std": 1}, {"type": "constant", "value": CLASS}]},
    )  # fmt: skip
    net = NetParameter(name="training", layer=[data, *(layer for layer in deploy.layer if layer.type != "Input")])
    net.layer.append(make_layer("SoftmaxWithLoss", "loss", [extended.new_output, "label"]))
    return net


def split(extended: Extended) -> Split:
    """The training net with a layer for every rate."""
    net = training_net(extended)
    return split_net(net, extended.multipliers, in_channels(net, extended.weights))


def solver(net: NetParameter) -> SolverParameter:
    return SolverParameter(
        net_param=net, base_lr=0.05, lr_policy="fixed", momentum=0.9, weight_decay=0.01, max_iter=5, random_seed=1,
        display=1, snapshot_prefix="run", solver_mode=SolverParameter.CPU,
    )  # fmt: skip


def trained(extended: Extended) -> Weights:
    """Weights after five iterations of torchcaffe."""
    net, layers = split(extended)
    param = solver(net)
    param.snapshot_after_train = False
    training = SGDSolver(param, device="cpu")
    training.network.load(split_weights(extended.weights, layers))
    training.solve()
    return merge_weights(training.network.weights(), layers)


def trained_by_caffe(caffe, extended: Extended, folder: Path) -> Weights:
    """Weights after five iterations of ``caffe train``."""
    net, layers = split(extended)
    write_message(folder / "solver.prototxt", solver(net))
    write_weights(folder / "start.caffemodel", net, split_weights(extended.weights, layers))
    result = caffe.run("train", "-solver", "solver.prototxt", "-weights", "start.caffemodel", cwd=folder)
    assert result.returncode == 0, result.stdout[-3000:]
    return merge_weights(read_weights(folder / "run_iter_5.caffemodel"), layers)


def assert_same_bits(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> None:
    for first, second in zip(one, other, strict=True):
        assert first.dtype == second.dtype
        assert first.shape == second.shape
        assert first.tobytes() == second.tobytes()


def old_part(extended: Extended, weights: Weights) -> Weights:
    return {name: blobs for name, blobs in weights.items() if name not in extended.new_layers}


def assert_preserved(old: tuple[NetParameter, Weights], extended: Extended, gradient: Collection[str] | None = None):
    """Old layers, weights and outputs, the gradient and five iterations, in torchcaffe.

    ``gradient``: the layers that must have one, by default all new ones that are said to learn; PReLU's may be 0, where
    no output is below 0.
    """
    net, weights = old
    assert lint_net(extended.net) == []
    assert warn_net(extended.net) == warn_net(net)
    for before, after in zip(net.layer, extended.net.layer, strict=False):
        stripped = type(after)()
        stripped.CopyFrom(after)
        shared = [spec.name for spec in after.param if spec.name]
        if shared and not any(spec.name for spec in before.param):
            del stripped.param[:]
            stripped.param.extend(before.param)
        assert stripped == before
    batch = images(net)
    blobs = [value.blob for value in NetGraph(net).values]
    blobs = list(dict.fromkeys(blobs))
    before = values(net, weights, blobs, batch)
    assert_same_bits(before, values(extended.net, extended.weights, blobs, batch))
    learning = {name for name, rate in extended.rates.items() if np.any(np.asarray(rate) > 0)}
    assert learning <= set(extended.new_layers)
    types = {layer.name: layer.type for layer in extended.net.layer}
    found = gradients(extended)
    expected = learning if gradient is None else set(gradient)
    assert {name for name in expected if types[name] != "PReLU"} <= found <= expected
    after = trained(extended)
    for name, blobs_before in weights.items():
        assert_same_bits(blobs_before, after[name])
    assert_same_bits(before, values(extended.net, after, blobs, batch))
    for name in extended.shared:
        assert_same_bits(after[extended.copied_from[name]], after[name])
    assert all(after[name][0].tobytes() != extended.weights[name][0].tobytes() for name in learning)


def gradients(extended: Extended) -> set[str]:
    """The layers that have a gradient which is not 0 everywhere."""
    network = Network(training_net(extended), "TRAIN", weights=extended.weights, seed=0)
    network.loss(network.run()).backward()
    return {
        name
        for name, parameters in network.params.items()
        if any(parameter.grad is not None and bool(parameter.grad.any()) for parameter in parameters)
    }


def assert_preserved_in_caffe(caffe, old: tuple[NetParameter, Weights], extended: Extended, folder: Path) -> None:
    """Old outputs, before and after five iterations, in real Caffe; and torchcaffe computes what Caffe does."""
    net, weights = old
    batch = images(net)
    blobs = [*extended.old_outputs, *(value.blob for value in NetGraph(net).outputs)]
    before = caffe_values(caffe, net, weights, blobs, batch, folder)
    both = caffe_values(caffe, extended.net, extended.weights, [*blobs, extended.new_output], batch, folder)
    assert_same_bits(before, both[:-1])
    (ours,) = values(extended.net, extended.weights, [extended.new_output], batch)
    np.testing.assert_allclose(both[-1], ours, rtol=1e-4, atol=1e-4)
    after = trained_by_caffe(caffe, extended, folder)
    for name, blobs_before in weights.items():
        assert_same_bits(blobs_before, after[name])
    assert_same_bits(before, caffe_values(caffe, extended.net, after, blobs, batch, folder))
    learning = [name for name, rate in extended.rates.items() if np.any(np.asarray(rate) > 0)]
    assert all(after[name][0].tobytes() != extended.weights[name][0].tobytes() for name in learning)
