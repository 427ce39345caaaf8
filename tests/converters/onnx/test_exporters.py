"""Nets as PyTorch's own exporters write them, old and new, against ONNX Runtime and PyTorch."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from converters.onnx import convert_onnx
from converters.onnx.build import Built
from converters.onnx.file import OnnxFile, open_onnx
from converters.onnx.read import OPSETS
from tests.converters.onnx.graphs import assert_like_onnxruntime, operators
from tests.converters.parity import assert_parity, assert_parity_in

SHAPE = (1, 3, 32, 40)


class Net(nn.Module):
    """What the exporters write in more than one way: reshapes, gates, resizing, slices, norms."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.Hardswish())
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Hardsigmoid())
        self.norm = nn.LayerNorm(8)
        self.groups = nn.GroupNorm(2, 8)
        self.up = nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False), nn.Conv2d(8, 8, 3))
        self.head = nn.Sequential(nn.Dropout(), nn.Linear(24, 5))

    def forward(self, images: Tensor) -> Tensor:
        """Scores (N, 5)."""
        x = self.stem(images)
        x = x * self.gate(x)
        x = self.groups(functional.gelu(self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)))
        a, b = self.up(x).chunk(2, 1)
        x = torch.cat([functional.silu(a), b.clamp(-1, 1), functional.max_pool2d(a, 3, 1, 1), b[:, :, ::1]], 1)
        x = functional.interpolate(x[:, :, 1:-1], size=(7, 9))
        x = functional.pad(x, (1, 1, 0, 0)).mean((2, 3))
        return self.head(torch.cat([x, x.relu()], 1)[:, 4:28].view(images.size(0), -1))


@contextmanager
def quiet() -> Iterator[None]:
    """Without the exporters' warnings about themselves and about what they trace."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def export(
    model: nn.Module, path: Path, opset: int, dynamo: bool, shape: tuple[int, ...] = SHAPE, free: bool = False
) -> None:
    """Export a model in evaluation mode; with ``free`` its batch may be of any size."""
    images = torch.zeros(2 if free and dynamo else 1, *shape[1:])
    with quiet():
        if dynamo:
            free_batch = {"dynamic_shapes": ({0: torch.export.Dim("batch")},)} if free else {}
            torch.onnx.export(
                model,
                (images,),
                path,
                opset_version=opset,
                dynamo=True,
                verbose=False,
                external_data=False,
                **free_batch,
            )
        else:
            axes = {"dynamic_axes": {"x": {0: "batch"}}} if free else {}
            torch.onnx.export(model, (images,), path, opset_version=opset, dynamo=False, input_names=["x"], **axes)


def read(path: Path) -> tuple[OnnxFile, Built]:
    file = open_onnx(path)
    return file, file.build()


@pytest.fixture(scope="module")
def net() -> nn.Module:
    torch.manual_seed(0)
    return Net().eval()


@pytest.mark.parametrize("free", [False, True], ids=["fixed batch", "free batch"])
@pytest.mark.parametrize("opset", [9, 10, 11, 13, 17, 20])
def test_the_old_exporter(opset: int, free: bool, net: nn.Module, tmp_path: Path) -> None:
    if opset < 11:  # which has no linear resizing as PyTorch's: the exporter refuses it
        net = nn.Sequential(net.stem, nn.Flatten(), nn.Linear(8 * 16 * 20, 5))
    path = tmp_path / "net.onnx"
    export(net, path, opset, dynamo=False, free=free)
    file, built = read(path)
    assert_like_onnxruntime(file, built, pictures=2 if built.module.any_batch else 1, tolerance=5e-6)
    assert built.module.any_batch
    assert {"Shape", "Gather", "Constant", "Erf", "Identity"}.isdisjoint(operators(built))


@pytest.mark.parametrize("opset", [pytest.param(18, marks=pytest.mark.long), OPSETS[-1]])
def test_the_new_exporter(opset: int, net: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    export(net, path, opset, dynamo=True, free=True)
    file, built = read(path)
    assert_like_onnxruntime(file, built, pictures=2, tolerance=5e-6)
    assert {"Shape", "Gather", "Constant", "Erf"}.isdisjoint(operators(built))


@pytest.mark.caffe
def test_through_real_caffe(tmp_path: Path) -> None:
    """The same small net from several opsets, in one process of real Caffe."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.LeakyReLU(), nn.MaxPool2d(3, 2, 1), nn.Flatten()]
    net = nn.Sequential(*layers, nn.Linear(6 * 8 * 10, 5), nn.ReLU6()).eval()
    conversions = {}
    for opset in (9, 13, 20):
        path = tmp_path / f"opset{opset}.onnx"
        export(net, path, opset, dynamo=False)
        conversions[path.stem] = convert_onnx(path)
    assert_parity_in("caffe", conversions, tmp_path)
    types = [[layer.type for layer in conversion.net.layer] for conversion in conversions.values()]
    assert types[0] == types[1] == types[2]


def test_names_of_the_old_exporter(tmp_path: Path) -> None:
    """Those of the PyTorch model, as if it had been converted itself."""
    torch.manual_seed(0)
    block = torchvision.models.resnet.BasicBlock(8, 8).eval()
    model = nn.Sequential(OrderedDict(conv1=nn.Conv2d(3, 8, 3), layer1=nn.Sequential(block), fc=Scores())).eval()
    path = tmp_path / "net.onnx"
    export(model, path, 17, dynamo=False, shape=(1, 3, 10, 10))
    conversion = convert_onnx(path)
    names = [layer.name for layer in conversion.net.layer]
    assert names[:6] == ["data", "conv1", "layer1.0.conv1", "layer1.0.relu", "layer1.0.conv2", "layer1.0.add"]
    assert names[-2:] == ["fc.linear", "prob"]
    assert conversion.modules["layer1.0.conv1"] == "/layer1/layer1.0/conv1/Conv"
    assert_parity(read(path)[1].module, conversion)


class Scores(nn.Module):
    """A layer in a module of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8 * 64, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.flatten(1))


SMALL = 96
SIZES = {"inception_v3": 299, "alexnet": 224, "vgg11_bn": 224}  # of nets whose pooling fits no other
LARGE = ["alexnet", "densenet121", "efficientnet_b0", "googlenet", "inception_v3", "mnasnet0_5", "mobilenet_v2"]
LARGE += ["mobilenet_v3_small", "regnet_y_400mf", "shufflenet_v2_x0_5", "squeezenet1_1", "vgg11_bn", "convnext_tiny"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("opset", "dynamo"), [(11, False), (17, False), (OPSETS[-1], True)], ids=["11", "17", "newest"]
)
@pytest.mark.parametrize("name", LARGE)
def test_nets_of_torchvision(name: str, opset: int, dynamo: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    more = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    model = torchvision.models.get_model(name, weights=None, **more).eval()
    path = tmp_path / "net.onnx"
    export(model, path, opset, dynamo, (1, 3, *[SIZES.get(name, SMALL)] * 2))
    file, built = read(path)
    assert built.module.any_batch
    assert_like_onnxruntime(file, built, pictures=2, tolerance=2e-5)
