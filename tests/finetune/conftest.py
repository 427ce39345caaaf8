"""A small net and two small tasks of made-up images: colours tell the classes of one apart, stripes the other's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepvis.model.model import Model
from finetune.tasks.task import Part, Task
from finetune.training.prepared import Setting
from prototxt.formats.text import parse_net, write_message
from prototxt.formats.weights import write_weights
from prototxt.net.shapes import infer_shapes
from prototxt.pixels.preprocess import Preprocessing

NET = """
name: "small"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 12 dim: 12 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: 8 kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "conv2" type: "Convolution" bottom: "conv1" top: "conv2"
        convolution_param { num_output: 10 kernel_size: 3 pad: 1 } }
layer { name: "bn2" type: "BatchNorm" bottom: "conv2" top: "conv2" }
layer { name: "scale2" type: "Scale" bottom: "conv2" top: "conv2" scale_param { bias_term: true } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer { name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2"
        pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "fc3" type: "InnerProduct" bottom: "pool2" top: "fc3" inner_product_param { num_output: 12 } }
layer { name: "relu3" type: "ReLU" bottom: "fc3" top: "fc3" }
DROPOUTlayer { name: "fc4" type: "InnerProduct" bottom: "fc3" top: "fc4" inner_product_param { num_output: 3 } }
layer { name: "prob" type: "Softmax" bottom: "fc4" top: "prob" }
"""
DROPOUT = 'layer { name: "drop3" type: "Dropout" bottom: "fc3" top: "fc3" }\n'
PIXELS = Preprocessing(
    channel_order="RGB", raw_scale=1 / 255, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3), crop=(12, 12)
)
SIDE = 14


def small_model(dropout: bool = False, seed: int = 0) -> Model:
    """A net for three classes with random weights."""
    net = parse_net(NET.replace("DROPOUT", DROPOUT if dropout else ""), "small.prototxt")
    random = np.random.default_rng(seed)
    weights = {
        layer: [(0.3 * random.normal(size=shape)).astype(np.float32) for shape in shapes]
        for layer, shapes in infer_shapes(net).params.items()
        if shapes
    }
    weights["bn2"] = [np.full(10, 0.1, np.float32), np.full(10, 0.5, np.float32), np.ones(1, np.float32)]
    weights["scale2"][0] += 1
    return Model("small", Path("small.prototxt"), net, weights, PIXELS, ("red", "green", "blue"))


def colours(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images of three classes: noise, with more of one channel."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = random.integers(0, 160, (count, SIDE, SIDE, 3), np.uint8)
    images[np.arange(count), :, :, labels] += 90
    return images, labels


def stripes(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images of two classes: noise under horizontal or vertical stripes."""
    random = np.random.default_rng(seed + 100)
    labels = np.arange(count) % 2
    images = random.integers(0, 160, (count, SIDE, SIDE, 3), np.uint8)
    band = (np.arange(SIDE) // 2 % 2 * 90).astype(np.uint8)
    images[labels == 0] += band[None, :, None, None]
    images[labels == 1] += band[None, None, :, None]
    return images, labels


def small_task(kind, classes: tuple[str, ...], train: int, test: int) -> Task:
    """A task in memory."""
    return Task(kind.__name__, classes, Part.of_arrays(*kind(train)), Part.of_arrays(*kind(test, 1)))


def write_class_folders(folder: Path, kind, classes: tuple[str, ...], train: int, test: int) -> Path:
    """The same as files: ``train/CLASS/*.png`` and ``test/CLASS/*.png``."""
    for part, (images, labels) in {"train": kind(train), "test": kind(test, 1)}.items():
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            place = folder / part / classes[label]
            place.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(place / f"{number}.png"), image[:, :, ::-1])
    return folder


def write_model(folder: Path, made: Model) -> Path:
    """The net as files; gives the prototxt."""
    folder.mkdir(parents=True, exist_ok=True)
    write_message(folder / "small.prototxt", made.net)
    write_weights(folder / "small.caffemodel", made.net, made.weights)
    (folder / "pixels.json").write_text(made.preprocessing.to_json())
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in made.classes))
    return folder / "small.prototxt"


STUDY = """
title = "small"
seeds = [0, 1]
jobs = 1
[tasks.colours]
images = "{folder}/colours"
[tasks.stripes]
images = "{folder}/stripes"
[nets.small]
model = "{folder}/model/small.prototxt"
preprocessing = "{folder}/model/pixels.json"
classes = "{folder}/model/classes.txt"
task = "colours"
[[directions]]
from = "small"
to = "stripes"
[selection]
grids = false
[training]
iterations = 6
batch = 8
base_lr = 0.01
display = 2
{more}
"""


@dataclass(frozen=True)
class Files:
    """The small net and the two tasks as files, and a place for decoded images."""

    folder: Path

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def study(self, more: str = '[[methods]]\nmethod = "fine-tuning"', name: str = "study") -> Path:
        """Write a study file; ``more`` comes behind its training settings."""
        path = self.folder / f"{name}.toml"
        path.write_text(STUDY.format(folder=self.folder, more=more))
        return path


@pytest.fixture(scope="session")
def made_files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_model(folder / "model", small_model())
    write_class_folders(folder / "colours", colours, ("red", "green", "blue"), 48, 30)
    write_class_folders(folder / "stripes", stripes, ("lying", "standing"), 40, 30)
    return folder


@pytest.fixture
def files(made_files, tmp_path) -> Files:
    for name in ("model", "colours", "stripes"):
        (tmp_path / name).symlink_to(made_files / name)
    return Files(tmp_path)


@pytest.fixture
def model() -> Model:
    return small_model()


@pytest.fixture
def source() -> Task:
    return small_task(colours, ("red", "green", "blue"), 48, 30)


@pytest.fixture
def target() -> Task:
    return small_task(stripes, ("lying", "standing"), 40, 30)


def unmeasured(profile: str):
    raise AssertionError("nothing here asks for H")


@pytest.fixture
def setting(model, source, target, tmp_path) -> Setting:
    return Setting(model, source, target, unmeasured, folder=tmp_path)
