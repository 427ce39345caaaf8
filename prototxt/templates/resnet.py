"""ResNet-50, -101 and -152 (He et al. 2016), by the layer names of the authors' release."""

from __future__ import annotations

from collections.abc import Sequence

from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.net.build import input_layer, layer, net
from prototxt.templates.parts import MSRA, global_pool, inner_product, pool, relu
from prototxt.templates.registry import template

CHANNELS = (64, 128, 256, 512)


@template("resnet50")
def resnet50() -> NetParameter:
    """Return ResNet-50: 224 x 224 pixels, BGR, 1000 classes."""
    return _resnet("ResNet-50", (3, 4, 6, 3))


@template("resnet101")
def resnet101() -> NetParameter:
    """Return ResNet-101: 224 x 224 pixels, BGR, 1000 classes."""
    return _resnet("ResNet-101", (3, 4, 23, 3))


@template("resnet152")
def resnet152() -> NetParameter:
    """Return ResNet-152: 224 x 224 pixels, BGR, 1000 classes."""
    return _resnet("ResNet-152", (3, 8, 36, 3))


def _resnet(name: str, depths: Sequence[int]) -> NetParameter:
    layers = [
        input_layer("data", (1, 3, 224, 224)),
        *_convolution("conv1", "bn_conv1", "scale_conv1", "data", 64, 7, 2, 3),
        relu("conv1_relu", "conv1"),
        pool("pool1", "conv1", 3, 2),
    ]
    bottom = "pool1"
    for stage, (depth, channels) in enumerate(zip(depths, CHANNELS, strict=True), 2):
        for block in range(depth):
            unit = f"{stage}{_block_name(block, depth)}"
            stride = 2 if block == 0 and stage > 2 else 1
            layers += _bottleneck(unit, bottom, channels, stride, projects=block == 0)
            bottom = f"res{unit}"
    layers += [
        global_pool("pool5", bottom),
        inner_product("fc1000", "pool5", 1000, MSRA),
        layer("Softmax", "prob", "fc1000"),
    ]
    return net(name, layers)


def _bottleneck(unit: str, bottom: str, channels: int, stride: int, projects: bool) -> list[LayerParameter]:
    layers, shortcut = [], bottom
    if projects:
        shortcut = f"res{unit}_branch1"
        layers += _branch(f"{unit}_branch1", bottom, 4 * channels, 1, stride)
    for part, outputs, kernel, step in (("a", channels, 1, stride), ("b", channels, 3, 1), ("c", 4 * channels, 1, 1)):
        name = f"{unit}_branch2{part}"
        layers += _branch(name, bottom, outputs, kernel, step)
        bottom = f"res{name}"
        if part != "c":
            layers.append(relu(f"res{name}_relu", bottom))
    return [
        *layers,
        layer("Eltwise", f"res{unit}", [shortcut, bottom]),
        relu(f"res{unit}_relu", f"res{unit}"),
    ]


def _branch(name: str, bottom: str, outputs: int, kernel: int, stride: int) -> list[LayerParameter]:
    return _convolution(f"res{name}", f"bn{name}", f"scale{name}", bottom, outputs, kernel, stride, kernel // 2)


def _convolution(
    name: str, norm: str, scale: str, bottom: str, outputs: int, kernel: int, stride: int, pad: int
) -> list[LayerParameter]:
    param = {
        "num_output": outputs,
        "kernel_size": [kernel],
        "pad": [pad],
        "stride": [stride],
        "bias_term": False,
        "weight_filler": MSRA,
    }
    return [
        layer("Convolution", name, bottom, convolution_param=param),
        layer("BatchNorm", norm, name, name),
        layer("Scale", scale, name, name, scale_param={"bias_term": True, "filler": {"value": 1}}),
    ]


def _block_name(block: int, depth: int) -> str:
    """Return a, b, c …; deep stages count a, b1, b2 … ."""
    return "abcdefghijklmnopqrstuvwxyz"[block] if depth < 7 else f"b{block}" if block else "a"
