"""Whole nets, layer by layer, against real Caffe: reference nets with random weights, and nets that Caffe trained."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from prototxt.formats.schema import NetParameter
from prototxt.formats.text import read_net, write_message
from prototxt.formats.weights import Weights, read_weights, write_weights
from prototxt.templates import read_template
from torchcaffe.network import Network

TOLERANCE = 1e-5
"""Of the largest number in a blob."""

FORWARD = """
import sys, numpy as np, caffe
net = caffe.Net(sys.argv[1], caffe.TEST, weights=sys.argv[2])
for name, array in np.load(sys.argv[3]).items():
    net.blobs[name].reshape(*array.shape)
    net.blobs[name].data[...] = array
net.forward()
np.savez(sys.argv[4], **{name.replace("/", "|"): blob.data for name, blob in net.blobs.items()})
"""

TRAINED = {
    "lenet": ("lenet/lenet_deploy.prototxt", "lenet/lenet_iter_10000.caffemodel", (3, 1, 28, 28)),
    "cifar10_quick": (
        "cifar10_quick/cifar10_quick_deploy.prototxt",
        "cifar10_quick/cifar10_quick_iter_5000.caffemodel",
        (3, 3, 32, 32),
    ),
    "squeezenet_v1.1": (
        "squeezenet_v1.1/deploy.prototxt",
        "squeezenet_v1.1/squeezenet_v1.1.caffemodel",
        (1, 3, 227, 227),
    ),
    "mtcnn_det1": ("mtcnn/mtcnn_det1.prototxt", "mtcnn/mtcnn_det1.caffemodel", (1, 3, 61, 47)),
    "mtcnn_det2": ("mtcnn/mtcnn_det2.prototxt", "mtcnn/mtcnn_det2.caffemodel", (2, 3, 24, 24)),
    "mtcnn_det3": ("mtcnn/mtcnn_det3.prototxt", "mtcnn/mtcnn_det3.caffemodel", (2, 3, 48, 48)),
}


def _random_weights(net: NetParameter) -> Weights:
    """Weights with which numbers stay near one through any depth."""
    rng = np.random.default_rng(0)
    weights = Network(net, seed=0).weights()
    types = {layer.name: layer.type for layer in net.layer}
    for name, arrays in weights.items():
        if types[name] == "BatchNorm":
            arrays[0][:], arrays[1][:], arrays[2][:] = rng.normal(size=arrays[0].shape), 2.0, 2.0
        elif types[name] == "Scale":
            arrays[0][:], arrays[1][:] = rng.uniform(0.5, 1, arrays[0].shape), rng.normal(size=arrays[1].shape) / 10
        else:
            fan_in = arrays[0][0].size
            arrays[0][:] = rng.normal(size=arrays[0].shape) * np.sqrt(1.5 / fan_in)
    return weights


def _assert_as_in_caffe(real_caffe, folder: Path, prototxt: Path, weights: Path, shape: tuple[int, ...]) -> None:
    net = Network(read_net(prototxt), weights=read_weights(weights))
    (value,) = net.graph.inputs
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    np.savez(folder / "in.npz", **{value.blob: x})
    caffe = real_caffe.run_python(FORWARD, prototxt, weights, folder / "in.npz", folder / "out.npz")
    assert caffe.returncode == 0, caffe.stdout
    expected = {name.replace("|", "/"): array for name, array in np.load(folder / "out.npz").items()}
    blobs = {value.blob for value in net.graph.values}
    assert blobs == {name for name in expected if "_split_" not in name}
    with torch.inference_mode():
        found = net.run({value: x}, keep=blobs)
    for value, array in found.items():
        reference = expected[value.blob]
        assert array.shape == reference.shape, value
        largest = np.abs(reference).max()
        assert largest > 1e-6, f"{value} says nothing"
        assert np.abs(array.numpy() - reference).max() <= TOLERANCE * largest, value


@pytest.mark.caffe
@pytest.mark.data
@pytest.mark.parametrize("name", TRAINED)
def test_trained_net(name, data_folder, real_caffe, tmp_path):
    prototxt, weights, shape = TRAINED[name]
    models = data_folder / "models"
    _assert_as_in_caffe(real_caffe, tmp_path, models / prototxt, models / weights, shape)


@pytest.mark.caffe
@pytest.mark.parametrize(
    "name",
    [
        "lenet",
        "squeezenet",
        "googlenet",
        "resnet50",
        *(pytest.param(name, marks=pytest.mark.long) for name in ("alexnet", "caffenet", "vgg16", "resnet152")),
    ],
)
def test_reference_net(name, real_caffe, tmp_path):
    net = read_template(name)
    for layer in net.layer:
        for filler in (layer.convolution_param.weight_filler, layer.inner_product_param.weight_filler):
            filler.Clear()  # Caffe would spend seconds on numbers that are replaced
    shape = (1, *net.layer[0].input_param.shape[0].dim[1:])
    write_message(tmp_path / "net.prototxt", net)
    write_weights(tmp_path / "net.caffemodel", net, _random_weights(net))
    _assert_as_in_caffe(real_caffe, tmp_path, tmp_path / "net.prototxt", tmp_path / "net.caffemodel", shape)


def _idx(path: Path) -> np.ndarray:
    """An array of MNIST's idx format: two zero bytes, type, number of axes, sizes as big-endian 32 bits, bytes."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    axes = data[3]
    sizes = np.frombuffer(data, ">i4", axes, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(sizes)


@pytest.mark.data
def test_lenet_is_right_about_99_percent_of_mnist(data_folder):
    models = data_folder / "models/lenet"
    images, labels = (_idx(next((data_folder / "mnist").glob(f"t10k-{what}*"))) for what in ("images", "labels"))
    net = Network(
        read_net(models / "lenet_deploy.prototxt"), weights=read_weights(models / "lenet_iter_10000.caffemodel")
    )
    (value,) = net.graph.inputs
    right = 0
    with torch.inference_mode():
        for begin in range(0, len(images), 1000):
            batch = images[begin : begin + 1000, None] / 256.0
            (scores,) = net.run({value: batch}).values()
            right += int((scores.argmax(1).numpy() == labels[begin : begin + 1000]).sum())
    assert right / len(images) == pytest.approx(0.991, abs=0.001)
