"""AlexNet (Krizhevsky et al. 2012) and CaffeNet, its variant that pools before it normalises."""

from __future__ import annotations

from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.net.build import input_layer, layer, net
from prototxt.templates.parts import convolution, dropout, gaussian, inner_product, lrn, pool, relu
from prototxt.templates.registry import template


@template("alexnet")
def alexnet() -> NetParameter:
    """Return AlexNet: normalisation, then pooling; 227 x 227 pixels, BGR, 1000 classes."""
    front = [
        lrn("norm1", "conv1"),
        pool("pool1", "norm1", 3, 2),
        *_convolution("2", "pool1", 256, 5, 2, 0.1, group=2),
        lrn("norm2", "conv2"),
        pool("pool2", "norm2", 3, 2),
    ]
    return _net("AlexNet", front, "pool2", hidden_bias=0.1)


@template("caffenet")
def caffenet() -> NetParameter:
    """Return CaffeNet: pooling, then normalisation; 227 x 227 pixels, BGR, 1000 classes."""
    front = [
        pool("pool1", "conv1", 3, 2),
        lrn("norm1", "pool1"),
        *_convolution("2", "norm1", 256, 5, 2, 1, group=2),
        pool("pool2", "conv2", 3, 2),
        lrn("norm2", "pool2"),
    ]
    return _net("CaffeNet", front, "norm2", hidden_bias=1)


def _net(name: str, front: list[LayerParameter], bottom: str, hidden_bias: float) -> NetParameter:
    return net(
        name,
        [
            input_layer("data", (10, 3, 227, 227)),
            convolution("conv1", "data", 96, 11, gaussian(0.01), stride=4),
            relu("relu1", "conv1"),
            *front,
            *_convolution("3", bottom, 384, 3, 1, 0),
            *_convolution("4", "conv3", 384, 3, 1, hidden_bias, group=2),
            *_convolution("5", "conv4", 256, 3, 1, hidden_bias, group=2),
            pool("pool5", "conv5", 3, 2),
            *_hidden("6", "pool5", hidden_bias),
            *_hidden("7", "fc6", hidden_bias),
            inner_product("fc8", "fc7", 1000, gaussian(0.01)),
            layer("Softmax", "prob", "fc8"),
        ],
    )


def _convolution(
    number: str, bottom: str, outputs: int, kernel: int, pad: int, bias: float, group: int = 1
) -> list[LayerParameter]:
    name = f"conv{number}"
    groups = {"group": group} if group > 1 else {}
    return [
        convolution(name, bottom, outputs, kernel, gaussian(0.01), bias, pad=pad, **groups),
        relu(f"relu{number}", name),
    ]


def _hidden(number: str, bottom: str, bias: float) -> list[LayerParameter]:
    name = f"fc{number}"
    return [
        inner_product(name, bottom, 4096, gaussian(0.005), bias),
        relu(f"relu{number}", name),
        dropout(f"drop{number}", name),
    ]
