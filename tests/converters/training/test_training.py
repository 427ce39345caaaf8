"""Training nets: what is in them, and that real Caffe learns with them what PyTorch learns."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from converters import convert
from converters.convert_pytorch_to_caffe import main
from converters.training import TrainingData, training_net
from converters.verification import write_files
from prototxt.formats.text import read_net, read_solver, write_message
from prototxt.formats.weights import Weights, read_weights
from prototxt.net.phases import filter_net
from prototxt.pixels.preprocess import Preprocessing

SHAPE = (8, 3, 12, 12)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class SmallResNet(nn.Module):
    """Two residual blocks, the second of stride 2 with a projection."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.first = nn.Conv2d(8, 8, 3, padding=1)
        self.first_bn = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 12, 3, stride=2, padding=1)
        self.second_bn = nn.BatchNorm2d(12)
        self.project = nn.Conv2d(8, 12, 1, stride=2)
        self.fc = nn.Linear(12, 6)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(torch.relu(self.bn(self.stem(images))), 3, 2, 1)
        x = torch.relu(x + self.first_bn(self.first(x)))
        x = torch.relu(self.project(x) + self.second_bn(self.second(x)))
        return self.fc(torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1))


def small_resnet() -> SmallResNet:
    torch.manual_seed(0)
    model = SmallResNet()
    model.stem.weight.requires_grad = False
    return model


def trained_by_pytorch(model: nn.Module, data: np.ndarray, labels: np.ndarray, frozen: bool, rate: float) -> nn.Module:
    """Ten steps of SGD with the rates that a Caffe net has: 1 and 2, decay 1 and 0 for weights and biases."""
    model.train()
    weights, biases, others = [], [], []
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            weights += [module.weight] * module.weight.requires_grad
            biases += [] if module.bias is None else [module.bias]
        elif isinstance(module, nn.BatchNorm2d):
            others += [module.weight, module.bias]
            module.train(not frozen)
    optimizer = torch.optim.SGD(
        [{"params": [*weights, *others]}, {"params": biases, "lr": 2 * rate, "weight_decay": 0}],
        lr=rate,
        momentum=0.9,
        weight_decay=0.01,
    )
    for step in range(10):
        batch = slice(8 * step, 8 * step + 8)
        loss = functional.cross_entropy(model(torch.from_numpy(data[batch])), torch.from_numpy(labels[batch]).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


@pytest.mark.caffe
@pytest.mark.parametrize("frozen", [False, True])
def test_ten_iterations_of_real_caffe_are_pytorch_s(frozen: bool, tmp_path: Path, real_caffe) -> None:
    before, found = assert_ten_iterations_are_pytorch_s(small_resnet, SHAPE, frozen, 0.05, tmp_path, real_caffe)
    assert np.array_equal(found["stem"][0], before["stem"][0])


@pytest.mark.caffe
@pytest.mark.long
@pytest.mark.timeout(1500)
def test_ten_iterations_of_a_resnet18(tmp_path: Path, real_caffe) -> None:
    def make() -> nn.Module:
        torch.manual_seed(0)
        # Residual branches that start at 0 keep ten steps well-conditioned. Without that, PyTorch's own float32 and
        # float64 are 0.09 apart at a rate of 0.01, and real Caffe is 0.0028 from PyTorch at 0.001.
        return torchvision.models.resnet18(weights=None, num_classes=6, zero_init_residual=True)

    assert_ten_iterations_are_pytorch_s(make, (8, 3, 64, 64), False, 0.003, tmp_path, real_caffe)


def assert_ten_iterations_are_pytorch_s(
    make: Callable[[], nn.Module], shape: tuple[int, ...], frozen: bool, rate: float, folder: Path, real_caffe
) -> tuple[Weights, Weights]:
    """Train by real Caffe and by PyTorch; gives the weights before, and real Caffe's after it."""
    generator = np.random.default_rng(0)
    data = generator.normal(size=(80, *shape[1:])).astype(np.float32)
    labels = generator.integers(0, 6, 80).astype(np.float32)
    with h5py.File(folder / "data.h5", "w") as file:
        file["data"], file["label"] = data, labels
    (folder / "data.h5.txt").write_text("data.h5\n")
    conversion = convert(make(), shape)
    write_files(conversion, folder)
    made = training_net(conversion, TrainingData("data.h5.txt", "data.h5.txt", 8, frozen))
    assert made.notes == ()
    write_message(folder / "train_val.prototxt", made.net)
    (folder / "solver.prototxt").write_text(
        f'net: "train_val.prototxt" base_lr: {rate} lr_policy: "fixed" momentum: 0.9 weight_decay: 0.01 max_iter: 10 '
        'snapshot: 10 snapshot_prefix: "after" solver_mode: CPU test_iter: 1 test_interval: 100'
    )
    done = real_caffe.run("train", "-solver", "solver.prototxt", "-weights", "net.caffemodel", cwd=folder, timeout=1000)
    assert done.returncode == 0, done.stdout[-2000:]
    expected = convert(trained_by_pytorch(make(), data, labels, frozen, rate), shape).weights
    found = read_weights(folder / "after_iter_10.caffemodel")
    for name, arrays in expected.items():
        for index, array in enumerate(arrays):
            distance = np.abs(found[name][index].reshape(array.shape) - array).max()
            assert distance <= 1e-4 * max(np.abs(array).max(), 1), (name, index, distance)
    return conversion.weights, found


def test_rates_and_phases() -> None:
    made = training_net(convert(small_resnet(), SHAPE, Preprocessing.from_pytorch(MEAN, STD, SHAPE)), TrainingData())
    layers = {layer.name: layer for layer in made.net.layer}
    assert [(spec.lr_mult, spec.decay_mult) for spec in layers["first"].param] == [(1, 1), (2, 0)]
    assert [(spec.lr_mult, spec.decay_mult) for spec in layers["stem"].param] == [(0, 0)]
    assert not layers["bn"].param
    train, test = (filter_net(made.net, phase) for phase in ("TRAIN", "TEST"))
    assert [layer.type for layer in train.layer if "data" in layer.top or layer.type == "ImageData"] == [
        *("ImageData", "Concat")
    ]
    assert [layer.name for layer in test.layer][-3:] == ["loss", "accuracy", "accuracy_top5"]
    assert train.layer[-1].name == "loss"
    assert made.notes[0].startswith("Caffe stretches every training picture to 14x14")


@pytest.mark.caffe
def test_pictures_enter_as_the_preprocessing_makes_them(tmp_path: Path, real_caffe) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), picture[:, :, ::-1])
    (tmp_path / "list.txt").write_text("a.png 3\n")
    preprocessing = Preprocessing.from_pytorch(MEAN, STD, SHAPE, resize=12)
    made = training_net(convert(small_resnet(), SHAPE, preprocessing), TrainingData("list.txt", "list.txt", 1))
    write_message(tmp_path / "net.prototxt", made.net)
    done = real_caffe.run_python(
        "import caffe, numpy; net = caffe.Net('net.prototxt', caffe.TEST); net.forward(); "
        "numpy.save('data.npy', net.blobs['data'].data)",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    assert np.abs(np.load(tmp_path / "data.npy")[0] - preprocessing.apply(picture)).max() <= 1e-5


def test_other_outputs() -> None:
    maps = training_net(convert(nn.Sequential(nn.Conv2d(3, 4, 3)), SHAPE), TrainingData())
    assert maps.notes == ("label must have the shape (8, 10, 10), a class for every place, so feed it by HDF5",)
    number = training_net(convert(nn.Sequential(nn.Flatten(), nn.Linear(432, 1)), SHAPE), TrainingData())
    assert number.net.layer[-1].type == "EuclideanLoss"
    assert "no scores of classes: the loss is Euclidean" in number.notes[0]


def test_the_command_writes_both_files(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    cv2.imwrite("pictures/a.png", np.zeros((63, 63, 3), np.uint8))
    (tmp_path / "pictures/list.txt").write_text("a.png 0\n" * 70)
    options = "--arch alexnet64 --random-weights --verify none --out out --train --train-data pictures/list.txt"
    main([*options.split(), "--val-data", "pictures/list.txt", "--name", "mine"])
    net, solver = read_net("out/train_val.prototxt"), read_solver("out/solver.prototxt")
    assert net.layer[0].image_data_param.source == "../pictures/list.txt"
    assert net.layer[0].image_data_param.root_folder == "../pictures/"
    assert (solver.net, list(solver.test_iter), solver.snapshot_prefix) == ("train_val.prototxt", [3], "mine_train")
    assert "train it with: cd out && caffe train -solver solver.prototxt -weights mine.caffemodel" in (
        capsys.readouterr().out
    )
    assert {layer.name for layer in read_net("out/mine.prototxt").layer} >= read_weights("out/mine.caffemodel").keys()
    assert json.loads(Path("out/conversion.json").read_text())["notes"]
    with pytest.raises(SystemExit):
        main([*options.split(), "--force", "--target", "rknn"])
    assert "--train is for Caffe itself, not for --target rknn" in capsys.readouterr().err
