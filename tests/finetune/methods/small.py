"""A net of two convolutions and two hidden layers, small enough for loops."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from finetune.training.prepared import Batch
from prototxt.formats.text import parse_net
from prototxt.formats.weights import Weights
from torchcaffe.network import Network

CLASSES = 4
SIDE = 8
NET = parse_net(f"""
name: "small"
layer {{ name: "data" type: "Input" top: "data"
        input_param {{ shape {{ dim: 1 dim: 3 dim: {SIDE} dim: {SIDE} }} }} }}
layer {{ name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param {{ num_output: 6 kernel_size: 3 stride: 2 pad: 1 }} }}
layer {{ name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }}
layer {{ name: "conv2" type: "Convolution" bottom: "conv1" top: "conv2"
        convolution_param {{ num_output: 8 kernel_size: 3 pad: 1 }} }}
layer {{ name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }}
layer {{ name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2"
        pooling_param {{ pool: MAX kernel_size: 2 stride: 2 }} }}
layer {{ name: "drop2" type: "Dropout" bottom: "pool2" top: "pool2" }}
layer {{ name: "fc6" type: "InnerProduct" bottom: "pool2" top: "fc6" inner_product_param {{ num_output: 10 }} }}
layer {{ name: "relu6" type: "ReLU" bottom: "fc6" top: "fc6" }}
layer {{ name: "drop6" type: "Dropout" bottom: "fc6" top: "fc6" }}
layer {{ name: "fc7" type: "InnerProduct" bottom: "fc6" top: "fc7" inner_product_param {{ num_output: 9 }} }}
layer {{ name: "relu7" type: "ReLU" bottom: "fc7" top: "fc7" }}
layer {{ name: "fc8" type: "InnerProduct" bottom: "fc7" top: "fc8" inner_product_param {{ num_output: {CLASSES} }} }}
layer {{ name: "prob" type: "Softmax" bottom: "fc8" top: "prob" }}
""")
SHAPES = {
    "conv1": [(6, 3, 3, 3), (6,)],
    "conv2": [(8, 6, 3, 3), (8,)],
    "fc6": [(10, 32), (10,)],
    "fc7": [(9, 10), (9,)],
    "fc8": [(CLASSES, 9), (CLASSES,)],
}


def small_weights(seed: int = 0) -> Weights:
    rng = np.random.default_rng(seed)
    return {
        name: [
            (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]) if shape[1:] else 100)).astype(np.float32)
            for shape in blobs
        ]
        for name, blobs in SHAPES.items()
    }


def small_network(phase: str = "TEST", seed: int = 0) -> Network:
    return Network(NET, phase, weights=small_weights(seed), seed=0)


def small_batch(count: int, seed: int = 0, classes: int = CLASSES) -> Batch:
    rng = np.random.default_rng(seed)
    blob = rng.normal(size=(count, 3, SIDE, SIDE)).astype(np.float32)
    return Batch(torch.from_numpy(blob), torch.from_numpy(rng.integers(0, classes, count)))


def scores_by_hand(weights: dict[str, list[Tensor]], blob: Tensor) -> Tensor:
    """The TEST phase written out, in whatever precision the weights have."""
    x = F.relu(F.conv2d(blob, *weights["conv1"], stride=2, padding=1))
    x = F.max_pool2d(F.relu(F.conv2d(x, *weights["conv2"], padding=1)), 2)
    x = F.relu(F.linear(x.flatten(1), *weights["fc6"]))
    x = F.relu(F.linear(x, *weights["fc7"]))
    return F.linear(x, *weights["fc8"])


def doubles(weights: Weights) -> dict[str, list[Tensor]]:
    """Float64 copies that take gradients."""
    return {
        name: [torch.tensor(blob, dtype=torch.float64, requires_grad=True) for blob in blobs]
        for name, blobs in weights.items()
    }
