"""A net with a branch and a residual sum, labelled images for it, and a table of its filters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepvis.model.model import Model
from deepvis.scan.run import scan
from entropy.measuring.measurement import measure
from entropy.measuring.table import Table
from finetune.tasks.images import PartImages
from finetune.tasks.task import Part
from prototxt.common.progress import with_bar
from prototxt.formats.text import parse_net
from prototxt.net.shapes import infer_shapes
from prototxt.pixels.preprocess import Preprocessing

NET = """
name: "branched"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 6 kernel_size: 3 pad: 1 } }
layer { name: "bn1" type: "BatchNorm" bottom: "conv1" top: "conv1" }
layer { name: "scale1" type: "Scale" bottom: "conv1" top: "conv1" scale_param { bias_term: true } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" relu_param { negative_slope: 0.1 } }
layer { name: "left" type: "Convolution" bottom: "conv1" top: "left"
  convolution_param { num_output: 4 kernel_size: 3 pad: 1 } }
layer { name: "right" type: "Convolution" bottom: "conv1" top: "right"
  convolution_param { num_output: 4 kernel_size: 1 } }
layer { name: "sum" type: "Eltwise" bottom: "left" bottom: "right" top: "sum" }
layer { name: "relu_sum" type: "ReLU" bottom: "sum" top: "sum" }
layer { name: "pool" type: "Pooling" bottom: "sum" top: "pool" pooling_param { pool: AVE global_pooling: true } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc" inner_product_param { num_output: 3 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""
CONVOLUTIONS = ("conv1", "left", "right")


@pytest.fixture
def model() -> Model:
    net = parse_net(NET, "branched.prototxt")
    random = np.random.default_rng(3)
    weights = {
        layer: [random.normal(0, 0.3, shape).astype(np.float32) for shape in shapes]
        for layer, shapes in infer_shapes(net).params.items()
        if shapes
    }
    weights["bn1"] = [np.abs(blob) + 0.5 for blob in weights["bn1"]]
    return Model("branched", Path("branched.prototxt"), net, weights, Preprocessing("BGR", 1 / 255))


@pytest.fixture
def part() -> Part:
    random = np.random.default_rng(4)
    return Part.of_arrays(random.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8), np.arange(40) % 3)


@pytest.fixture
def table(model: Model, part: Part, tmp_path: Path) -> Table:
    work = scan(model, PartImages(part), tmp_path / "scan.h5", CONVOLUTIONS, importance=True, top=1, workers=0)
    with_bar(work, quiet=True)
    return measure(tmp_path / "scan.h5", CONVOLUTIONS, bins=8, warn=False)
