"""A small net with its weights, a scan of it, and a task of pictures: written once."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from prototxt.formats.text import parse_net, write_message
from prototxt.formats.weights import read_weights, weights_hash, write_weights
from prototxt.pixels.preprocess import Preprocessing

NET = """
name: "small"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 16 dim: 16 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: 8 kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "norm1" type: "LRN" bottom: "conv1" top: "norm1" }
layer { name: "branch/conv2" type: "Convolution" bottom: "norm1" top: "conv2"
        convolution_param { num_output: 8 kernel_size: 3 group: 2 } }
layer { name: "bn2" type: "BatchNorm" bottom: "conv2" top: "conv2" }
layer { name: "scale2" type: "Scale" bottom: "conv2" top: "conv2" scale_param { bias_term: true } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer { name: "fc3" type: "InnerProduct" bottom: "conv2" top: "fc3" inner_product_param { num_output: 12 } }
layer { name: "relu3" type: "ReLU" bottom: "fc3" top: "fc3" }
layer { name: "drop3" type: "Dropout" bottom: "fc3" top: "fc3" }
layer { name: "fc4" type: "InnerProduct" bottom: "fc3" top: "fc4" inner_product_param { num_output: 5 } }
layer { name: "prob" type: "Softmax" bottom: "fc4" top: "prob" }
"""
UNITS = {"conv1": ("Convolution", 8), "branch/conv2": ("Convolution", 8), "fc3": ("InnerProduct", 12)}


def write_scan(path: Path, means: dict[str, np.ndarray], types: dict[str, str], **attributes: str) -> None:
    """A scan file with nothing but what entropy reads."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"format": "deepvis-scan", "format_version": 1, **attributes})
        layers = file.create_group("layers")
        layers.attrs["names"] = list(means)
        for name, table in means.items():
            group = layers.create_group(name.replace("%", "%25").replace("/", "%2F"))
            group.attrs.update({"name": name, "type": types[name], "units": table.shape[1]})
            group["means_post"] = table


@dataclass(frozen=True)
class Small:
    """The files of the small net."""

    folder: Path
    net: Path
    weights: Path
    scan: Path
    images: Path
    test_images: Path
    preprocessing: Preprocessing


def _pictures(folder: Path, name: str, count: int, rng: np.random.Generator) -> Path:
    lines = []
    for number in range(count):
        label = number % 3
        picture = rng.integers(0, 120, (20, 20, 3), np.uint8)
        picture[:, :, label] += 120
        path = f"pictures/{name} {number}.png"
        cv2.imwrite(str(folder / path), picture)
        lines.append(f"{path} {label}\n")
    (folder / f"{name}.txt").write_text("".join(lines))
    return folder / f"{name}.txt"


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> Small:
    folder = tmp_path_factory.mktemp("small")
    (folder / "pictures").mkdir()
    rng = np.random.default_rng(0)
    net = parse_net(NET)
    shapes = {
        "conv1": [(8, 3, 3, 3), (8,)],
        "branch/conv2": [(8, 4, 3, 3), (8,)],
        "bn2": [(8,), (8,), (1,)],
        "scale2": [(8,), (8,)],
        "fc3": [(12, 288), (12,)],
        "fc4": [(5, 12), (5,)],
    }
    weights = {
        name: [(0.2 * rng.normal(size=shape)).astype(np.float32) for shape in blobs] for name, blobs in shapes.items()
    }
    weights["bn2"][1:] = [np.ones(8, np.float32), np.ones(1, np.float32)]
    weights["scale2"][0] += 1
    write_message(folder / "deploy.prototxt", net)
    write_weights(folder / "net.caffemodel", net, weights)
    preprocessing = Preprocessing(
        channel_order="RGB", raw_scale=1 / 255, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3), crop=(16, 16)
    )
    (folder / "conversion.json").write_text(json.dumps({"preprocessing": json.loads(preprocessing.to_json())}))
    means = {
        name: (rng.gamma(1, 1, (400, units)) * rng.uniform(0.1, 1, units)).astype(np.float32)
        for name, (_, units) in UNITS.items()
    }
    means["conv1"][:, 3] = 0
    write_scan(
        folder / "scan.h5",
        means,
        {name: kind for name, (kind, _) in UNITS.items()},
        model_hash=weights_hash(read_weights(folder / "net.caffemodel")),
        images_hash="images",
        preprocessing_hash=preprocessing.hash,
    )
    return Small(
        folder,
        folder / "deploy.prototxt",
        folder / "net.caffemodel",
        folder / "scan.h5",
        _pictures(folder, "train", 12, rng),
        _pictures(folder, "test", 6, rng),
        preprocessing,
    )
