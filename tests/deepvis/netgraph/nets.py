"""Well-known nets as prototxt, for tests of tables and graphs; only Caffe's own text, no weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepvis.model.model import Model
from prototxt.formats.text import parse_net
from prototxt.net.shapes import infer_shapes
from prototxt.pixels.preprocess import Preprocessing


def model_of(text: str, size: int = 227) -> Model:
    """A model of a prototxt, its weights without memory of their own."""
    net = parse_net(text, "net.prototxt")
    shapes = infer_shapes(net)
    weights = {
        name: [np.broadcast_to(np.float32(0), shape) for shape in parts] for name, parts in shapes.params.items()
    }
    return Model("net", Path("net.prototxt"), net, weights, Preprocessing("BGR", crop=(size, size), mean=(0.0,) * 3))


def data(size: int) -> str:
    """An Input layer for square pictures."""
    shape = f"shape {{ dim: 1 dim: 3 dim: {size} dim: {size} }}"
    return f'layer {{ name: "data" type: "Input" top: "data" input_param {{ {shape} }} }}\n'


def layer(name: str, kind: str, bottoms: str, top: str = "", **params: str) -> str:
    """A layer; ``bottoms`` separated by blanks, ``top`` is its name where none is given."""
    wires = "".join(f' bottom: "{bottom}"' for bottom in bottoms.split()) + f' top: "{top or name}"'
    settings = " ".join(f"{key} {{ {text} }}" for key, text in params.items())
    return f'layer {{ name: "{name}" type: "{kind}"{wires} {settings} }}\n'


def conv(name: str, bottom: str, units: int, kernel: int, stride: int = 1, pad: int = 0, bias: bool = True) -> str:
    """A convolution."""
    bias_term = "" if bias else " bias_term: false"
    text = f"num_output: {units} kernel_size: {kernel} stride: {stride} pad: {pad}{bias_term}"
    return layer(name, "Convolution", bottom, convolution_param=text)


def pool(name: str, bottom: str, kernel: int, stride: int, pad: int = 0, rounding: str = "CEIL") -> str:
    """A layer of maximum pooling."""
    text = f"pool: MAX kernel_size: {kernel} stride: {stride} pad: {pad} round_mode: {rounding}"
    return layer(name, "Pooling", bottom, pooling_param=text)


def relu(name: str, blob: str) -> str:
    """A ReLU in place."""
    return layer(name, "ReLU", blob, blob)


def alexnet() -> str:
    """AlexNet with torchvision's filters and rounding, on pictures of 227 pixels: the thesis's Figure 2.3."""
    text, bottom = data(227), "data"
    for number, (units, kernel, stride, pad) in enumerate(
        ((64, 11, 4, 2), (192, 5, 1, 2), (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1)), 1
    ):
        text += conv(f"conv{number}", bottom, units, kernel, stride, pad) + relu(f"relu{number}", f"conv{number}")
        bottom = f"conv{number}"
        if number in (1, 2, 5):
            text += pool(f"pool{number}", bottom, 3, 2, rounding="FLOOR")
            bottom = f"pool{number}"
    text += layer("flatten", "Flatten", bottom)
    bottom = "flatten"
    for number, units in ((6, 4096), (7, 4096), (8, 1000)):
        if number < 8:
            text += layer(f"drop{number}", "Dropout", bottom, f"drop{number}", dropout_param="dropout_ratio: 0.5")
            bottom = f"drop{number}"
        text += layer(f"fc{number}", "InnerProduct", bottom, inner_product_param=f"num_output: {units}")
        bottom = f"fc{number}"
        text += relu(f"relu{number}", bottom) if number < 8 else layer("prob", "Softmax", bottom)
    return text


def inception(name: str, bottom: str, sizes: tuple[int, int, int, int, int, int]) -> str:
    """An inception module: 1x1, 3x3 behind its reduction, 5x5 behind its reduction, and pooling."""
    first, reduce3, units3, reduce5, units5, pooled = sizes
    text = conv(f"{name}/1x1", bottom, first, 1) + relu(f"{name}/relu_1x1", f"{name}/1x1")
    for kernel, reduce, units in ((3, reduce3, units3), (5, reduce5, units5)):
        text += conv(f"{name}/{kernel}x{kernel}_reduce", bottom, reduce, 1)
        text += relu(f"{name}/relu_{kernel}_reduce", f"{name}/{kernel}x{kernel}_reduce")
        text += conv(f"{name}/{kernel}x{kernel}", f"{name}/{kernel}x{kernel}_reduce", units, kernel, 1, kernel // 2)
        text += relu(f"{name}/relu_{kernel}", f"{name}/{kernel}x{kernel}")
    text += pool(f"{name}/pool", bottom, 3, 1, 1) + conv(f"{name}/pool_proj", f"{name}/pool", pooled, 1)
    text += relu(f"{name}/relu_pool_proj", f"{name}/pool_proj")
    parts = " ".join(f"{name}/{part}" for part in ("1x1", "3x3", "5x5", "pool_proj"))
    return text + layer(f"{name}/output", "Concat", parts)


def googlenet() -> str:
    """The first modules of GoogLeNet, with the sizes of Szegedy et al. (2015), table 1."""
    text = data(224) + conv("conv1", "data", 64, 7, 2, 3) + pool("pool1", "conv1", 3, 2)
    text += conv("conv2_reduce", "pool1", 64, 1) + conv("conv2", "conv2_reduce", 192, 3, 1, 1)
    text += pool("pool2", "conv2", 3, 2) + inception("3a", "pool2", (64, 96, 128, 16, 32, 32))
    text += inception("3b", "3a/output", (128, 128, 192, 32, 96, 64))
    text += pool("pool3", "3b/output", 3, 2)
    return text + inception("4a", "pool3", (192, 96, 208, 16, 48, 64))


def resnet(blocks: tuple[int, ...] = (3, 8, 36, 3)) -> str:
    """ResNet of bottleneck blocks, as of He et al. (2016), table 1; the default has 152 layers."""
    text = data(224) + _normed("conv1", "data", 64, 7, 2, 3) + pool("pool1", "conv1", 3, 2, 0)
    bottom = "pool1"
    for stage, count in enumerate(blocks):
        units = 64 * 2**stage
        for block in range(count):
            name, stride = f"res{stage + 2}.{block}", 2 if stage and block == 0 else 1
            shortcut = bottom
            text += _normed(f"{name}.a", bottom, units, 1) + _normed(f"{name}.b", f"{name}.a", units, 3, stride, 1)
            text += _normed(f"{name}.c", f"{name}.b", 4 * units, 1, active=False)
            if block == 0:
                shortcut = f"{name}.shortcut"
                text += _normed(shortcut, bottom, 4 * units, 1, stride, active=False)
            text += layer(f"{name}.sum", "Eltwise", f"{shortcut} {name}.c") + relu(f"{name}.relu", f"{name}.sum")
            bottom = f"{name}.sum"
    text += layer("pool5", "Pooling", bottom, pooling_param="pool: AVE global_pooling: true")
    return text + layer("fc", "InnerProduct", "pool5", inner_product_param="num_output: 1000")


def _normed(name: str, bottom: str, units: int, kernel: int, stride: int = 1, pad: int = 0, active: bool = True) -> str:
    text = conv(name, bottom, units, kernel, stride, pad, bias=False) + layer(f"{name}.bn", "BatchNorm", name, name)
    text += layer(f"{name}.scale", "Scale", name, name, scale_param="bias_term: true")
    return text + (relu(f"{name}.relu", name) if active else "")
