"""LeNet as Caffe's MNIST example trains it (after LeCun et al. 1998)."""

from __future__ import annotations

from prototxt.formats.schema import NetParameter
from prototxt.net.build import input_layer, layer, net
from prototxt.templates.parts import XAVIER, convolution, inner_product, pool, relu
from prototxt.templates.registry import template


@template("lenet")
def lenet() -> NetParameter:
    """Return LeNet for grey pictures of 28 x 28 pixels, scaled to 0-1, in ten classes."""
    return net(
        "LeNet",
        [
            input_layer("data", (64, 1, 28, 28)),
            convolution("conv1", "data", 20, 5, XAVIER),
            pool("pool1", "conv1", 2, 2),
            convolution("conv2", "pool1", 50, 5, XAVIER),
            pool("pool2", "conv2", 2, 2),
            inner_product("ip1", "pool2", 500, XAVIER),
            relu("relu1", "ip1"),
            inner_product("ip2", "ip1", 10, XAVIER),
            layer("Softmax", "prob", "ip2"),
        ],
    )
