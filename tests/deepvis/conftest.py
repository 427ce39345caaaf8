"""A small net with a residual sum, a branch, a deconvolution and fully connected layers, and pictures for it.

Pixels, weights and all values in the net are small integers, exact in float32: results can be compared for equality,
and there are many ties.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepvis.model.model import Model
from deepvis.sources import Images, open_images
from prototxt.formats.text import parse_net
from prototxt.net.shapes import infer_shapes
from prototxt.pixels.preprocess import Preprocessing

HEIGHT, WIDTH = 9, 11

SMALL_NET = """
name: "small"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: CHANNELS dim: 9 dim: 11 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
  convolution_param { num_output: 5 kernel_size: 3 pad: 1 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "branch/left" type: "Convolution" bottom: "pool1" top: "left"
  convolution_param { num_output: 4 kernel_size: 3 pad: 1 } }
layer { name: "relu_left" type: "ReLU" bottom: "left" top: "left" }
layer { name: "100% right" type: "Convolution" bottom: "pool1" top: "right"
  convolution_param { num_output: 4 kernel_size: 1 bias_term: false } }
layer { name: "sum" type: "Eltwise" bottom: "left" bottom: "right" top: "sum" }
layer { name: "relu_sum" type: "ReLU" bottom: "sum" top: "sum" }
layer { name: "up" type: "Deconvolution" bottom: "sum" top: "up"
  convolution_param { num_output: 2 kernel_size: 2 stride: 2 bias_term: false } }
layer { name: "fc" type: "InnerProduct" bottom: "sum" top: "fc" inner_product_param { num_output: 6 } }
layer { name: "relu_fc" type: "ReLU" bottom: "fc" top: "fc" }
layer { name: "fc8" type: "InnerProduct" bottom: "fc" top: "fc8" inner_product_param { num_output: 3 } }
"""

MakeModel = Callable[..., Model]
MakePictures = Callable[..., Images]


@pytest.fixture
def make_model() -> MakeModel:
    """The small net with random integer weights; ``order`` is the channel order of its input."""

    def make(order: str = "BGR", seed: int = 0) -> Model:
        preprocessing = Preprocessing(order, crop=(HEIGHT, WIDTH), mean=(3.0,) * (1 if order == "GRAY" else 3))
        net = parse_net(SMALL_NET.replace("CHANNELS", str(preprocessing.channels)), "small.prototxt")
        random = np.random.default_rng(seed)
        weights = {
            layer: [random.integers(-1, 2, shape).astype(np.float32) for shape in shapes]
            for layer, shapes in infer_shapes(net).params.items()
            if shapes
        }
        return Model("small", Path("small.prototxt"), net, weights, preprocessing)

    return make


@pytest.fixture
def make_pictures(tmp_path: Path) -> MakePictures:
    """Random PNG pictures with values 0 to 7, a little larger than the net's input; grey ones have equal channels."""

    def make(count: int, grey: bool = False, folder: str = "pictures", seed: int = 1) -> Images:
        random = np.random.default_rng(seed)
        (tmp_path / folder).mkdir()
        for number in range(count):
            height, width = HEIGHT + number % 3, WIDTH + number % 2
            pixels = random.integers(0, 8, (height, width, 1 if grey else 3), dtype=np.uint8)
            cv2.imwrite(str(tmp_path / folder / f"{number}.png"), np.broadcast_to(pixels, (height, width, 3)).copy())
        return open_images(tmp_path / folder)

    return make
