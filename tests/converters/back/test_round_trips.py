"""There and back: from PyTorch or ONNX to Caffe and back, and from Caffe to them and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from converters import convert
from converters.back.examples import example_batches
from converters.back.source_net import SourceNet, source_net
from converters.conversion import Conversion
from converters.verdict import difference
from prototxt.net.build import input_layer, layer, net
from tests.converters.back.nets import PROGRAMS, assert_equal, in_onnx, in_pytorch, onnx, written
from tests.converters.back.test_nets import with_random_weights
from torchcaffe.network import Network


class Small(nn.Module):
    """A residual block with what Caffe pools differently, two inputs of Concat, and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.block = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=2), nn.BatchNorm2d(8), nn.PReLU(8))
        self.fc = nn.Linear(16 * 36, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.stem(x))
        y = torch.cat([self.block(x) + x, x.sigmoid() * 0.5], 1)
        return self.fc(y.flatten(1))


def small() -> nn.Module:
    torch.manual_seed(0)
    model = Small().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return model


def test_from_pytorch_to_caffe_and_back(tmp_path: Path) -> None:
    model = small()
    conversion = convert(model, (1, 3, 14, 14), softmax=False)
    source = source_net(conversion.net, conversion.weights)
    assert_equal(in_pytorch(source, tmp_path))
    (inputs,) = example_batches(source, 4, 1)
    (array,) = inputs.values()
    with torch.no_grad():
        expected = model(torch.from_numpy(array)).numpy()
    for program in PROGRAMS.values():
        found = program(source, tmp_path).run(inputs)[source.outputs[0]]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def caffe_net(pool: str) -> SourceNet:
    """A net of what Caffe does its own way."""
    made = net(
        "round",
        [
            input_layer("data", (1, 3, 11, 11)),
            layer("Convolution", "conv1", "data", convolution_param={"num_output": 6, "kernel_size": [3], "group": 3}),
            layer("BatchNorm", "bn1", "conv1", "conv1"),
            layer("Scale", "scale1", "conv1", "conv1", scale_param={"bias_term": True}),
            layer("ReLU", "relu1", "conv1", "conv1", relu_param={"negative_slope": 0.1}),
            layer("Pooling", "pool1", "conv1", pooling_param={"pool": pool, "kernel_size": 3, "stride": 2}),
            layer("LRN", "norm1", "pool1", lrn_param={"local_size": 3, "alpha": 0.5}),
            layer("Power", "power1", "norm1", power_param={"scale": 0.5, "shift": 1}),
            layer("Eltwise", "sum1", ["norm1", "power1"], eltwise_param={"coeff": [1, -2]}),
            layer("InnerProduct", "fc", "sum1", inner_product_param={"num_output": 4}),
        ],
    )
    return with_random_weights(made)


def assert_same_net(source: SourceNet, again: Conversion) -> None:
    """Both nets must compute the same to float noise."""
    (inputs,) = example_batches(source, None, 1)
    (array,) = inputs.values()
    with torch.no_grad():
        (expected,) = Network(source.net, weights=source.weights).run({"data": array}).values()
        (found,) = Network(again.net, weights=again.weights).run({again.net.layer[0].top[0]: array}).values()
    assert difference(found.numpy(), expected.numpy()).relative < 1e-5


@pytest.mark.parametrize("pool", ["MAX", "AVE"])
def test_from_caffe_to_pytorch_and_back(pool: str, tmp_path: Path) -> None:
    """The written module is converted as anybody's."""
    source = caffe_net(pool)
    assert_same_net(source, convert(written(source, tmp_path), (1, 3, 11, 11), softmax=False))


@pytest.mark.parametrize("pool", ["MAX", "AVE"])
def test_from_caffe_to_onnx_and_back(pool: str, tmp_path: Path) -> None:
    """The written model is read as anybody's."""
    reader = pytest.importorskip("converters.onnx", reason="the reader of ONNX files is not there")
    source = caffe_net(pool)
    onnx(source, tmp_path)
    assert_same_net(source, reader.convert_onnx(tmp_path / "net.onnx", {"": (1, 3, 11, 11)}, softmax=False))


def test_from_onnx_to_caffe_and_back(tmp_path: Path) -> None:
    reader = pytest.importorskip("converters.onnx", reason="the reader of ONNX files is not there")
    onnx(caffe_net("AVE"), tmp_path)
    again = reader.convert_onnx(tmp_path / "net.onnx", {"": (1, 3, 11, 11)}, softmax=False)
    source = source_net(again.net, again.weights)
    assert_equal(in_onnx(source, tmp_path))
    assert_equal(in_pytorch(source, tmp_path))
