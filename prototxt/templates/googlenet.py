"""GoogLeNet (Szegedy et al. 2015) without its two auxiliary classifiers, by BVLC's layer names."""

from __future__ import annotations

from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.net.build import input_layer, layer, net
from prototxt.templates.parts import XAVIER, convolution, dropout, inner_product, lrn, pool, relu
from prototxt.templates.registry import template

# Outputs of 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5 and pool projection (table 1 of the paper).
INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


@template("googlenet")
def googlenet() -> NetParameter:
    """Return GoogLeNet: 224 x 224 pixels, BGR, 1000 classes."""
    layers = [
        input_layer("data", (10, 3, 224, 224)),
        *_convolution("conv1/7x7_s2", "data", 64, 7, 3, 2, "conv1/relu_7x7"),
        pool("pool1/3x3_s2", "conv1/7x7_s2", 3, 2),
        lrn("pool1/norm1", "pool1/3x3_s2"),
        *_convolution("conv2/3x3_reduce", "pool1/norm1", 64, 1, relu_name="conv2/relu_3x3_reduce"),
        *_convolution("conv2/3x3", "conv2/3x3_reduce", 192, 3, 1, relu_name="conv2/relu_3x3"),
        lrn("conv2/norm2", "conv2/3x3"),
        pool("pool2/3x3_s2", "conv2/norm2", 3, 2),
    ]
    bottom = "pool2/3x3_s2"
    for name, outputs in INCEPTIONS.items():
        layers += _inception(f"inception_{name}", bottom, outputs)
        bottom = f"inception_{name}/output"
        if name in ("3b", "4e"):
            layers.append(pool(f"pool{name[0]}/3x3_s2", bottom, 3, 2))
            bottom = f"pool{name[0]}/3x3_s2"
    layers += [
        pool("pool5/7x7_s1", bottom, 7, 1, how="AVE"),
        dropout("pool5/drop_7x7_s1", "pool5/7x7_s1", 0.4),
        inner_product("loss3/classifier", "pool5/7x7_s1", 1000, XAVIER),
        layer("Softmax", "prob", "loss3/classifier"),
    ]
    return net("GoogleNet", layers)


def _inception(name: str, bottom: str, outputs: tuple[int, ...]) -> list[LayerParameter]:
    one, three_reduce, three, five_reduce, five, projection = outputs
    tops = [f"{name}/{branch}" for branch in ("1x1", "3x3", "5x5", "pool_proj")]
    return [
        *_convolution(f"{name}/1x1", bottom, one, 1),
        *_convolution(f"{name}/3x3_reduce", bottom, three_reduce, 1),
        *_convolution(f"{name}/3x3", f"{name}/3x3_reduce", three, 3, 1),
        *_convolution(f"{name}/5x5_reduce", bottom, five_reduce, 1),
        *_convolution(f"{name}/5x5", f"{name}/5x5_reduce", five, 5, 2),
        pool(f"{name}/pool", bottom, 3, 1, 1),
        *_convolution(f"{name}/pool_proj", f"{name}/pool", projection, 1),
        layer("Concat", f"{name}/output", tops),
    ]


def _convolution(
    name: str, bottom: str, outputs: int, kernel: int, pad: int = 0, stride: int = 0, relu_name: str = ""
) -> list[LayerParameter]:
    block, _, branch = name.partition("/")
    return [
        convolution(name, bottom, outputs, kernel, XAVIER, 0.2, pad=pad, stride=stride),
        relu(relu_name or f"{block}/relu_{branch}", name),
    ]
