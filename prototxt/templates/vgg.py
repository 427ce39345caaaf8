"""VGG-16 and VGG-19 (Simonyan and Zisserman 2015, configurations D and E)."""

from __future__ import annotations

from collections.abc import Sequence

from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.net.build import input_layer, layer, net
from prototxt.templates.parts import MSRA, convolution, dropout, gaussian, inner_product, pool, relu
from prototxt.templates.registry import template

CHANNELS = (64, 128, 256, 512, 512)


@template("vgg16")
def vgg16() -> NetParameter:
    """Return VGG-16: 224 x 224 pixels, BGR, 1000 classes."""
    return _vgg("VGG_ILSVRC_16_layers", (2, 2, 3, 3, 3))


@template("vgg19")
def vgg19() -> NetParameter:
    """Return VGG-19: 224 x 224 pixels, BGR, 1000 classes."""
    return _vgg("VGG_ILSVRC_19_layers", (2, 2, 4, 4, 4))


def _vgg(name: str, depths: Sequence[int]) -> NetParameter:
    layers, bottom = [input_layer("data", (10, 3, 224, 224))], "data"
    for block, (depth, channels) in enumerate(zip(depths, CHANNELS, strict=True), 1):
        for place in range(1, depth + 1):
            number = f"{block}_{place}"
            layers += [
                convolution(f"conv{number}", bottom, channels, 3, MSRA, pad=1),
                relu(f"relu{number}", f"conv{number}"),
            ]
            bottom = f"conv{number}"
        layers.append(pool(f"pool{block}", bottom, 2, 2))
        bottom = f"pool{block}"
    layers += [*_hidden("6", "pool5"), *_hidden("7", "fc6")]
    layers += [inner_product("fc8", "fc7", 1000, gaussian(0.01)), layer("Softmax", "prob", "fc8")]
    return net(name, layers)


def _hidden(number: str, bottom: str) -> list[LayerParameter]:
    name = f"fc{number}"
    return [
        inner_product(name, bottom, 4096, gaussian(0.01)),
        relu(f"relu{number}", name),
        dropout(f"drop{number}", name),
    ]
