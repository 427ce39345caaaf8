"""SqueezeNet v1.1 (Iandola et al. 2016, the authors' later release)."""

from __future__ import annotations

from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.net.build import input_layer, layer, net
from prototxt.templates.parts import XAVIER, convolution, dropout, gaussian, global_pool, pool, relu
from prototxt.templates.registry import template

# Outputs of the squeeze layer and of each expand layer.
FIRES = {2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128), 6: (48, 192), 7: (48, 192), 8: (64, 256), 9: (64, 256)}
POOL_AFTER = (3, 5)


@template("squeezenet")
def squeezenet() -> NetParameter:
    """Return SqueezeNet v1.1: 227 x 227 pixels, BGR, 1000 classes."""
    layers = [
        input_layer("data", (10, 3, 227, 227)),
        convolution("conv1", "data", 64, 3, XAVIER, stride=2),
        relu("relu_conv1", "conv1"),
        pool("pool1", "conv1", 3, 2),
    ]
    bottom = "pool1"
    for number, (squeeze, expand) in FIRES.items():
        layers += _fire(f"fire{number}", bottom, squeeze, expand)
        bottom = f"fire{number}/concat"
        if number in POOL_AFTER:
            layers.append(pool(f"pool{number}", bottom, 3, 2))
            bottom = f"pool{number}"
    layers += [
        dropout("drop9", bottom),
        convolution("conv10", bottom, 1000, 1, gaussian(0.01)),
        relu("relu_conv10", "conv10"),
        global_pool("pool10", "conv10"),
        layer("Softmax", "prob", "pool10"),
    ]
    return net("SqueezeNet_v1.1", layers)


def _fire(name: str, bottom: str, squeeze: int, expand: int) -> list[LayerParameter]:
    return [
        convolution(f"{name}/squeeze1x1", bottom, squeeze, 1, XAVIER),
        relu(f"{name}/relu_squeeze1x1", f"{name}/squeeze1x1"),
        convolution(f"{name}/expand1x1", f"{name}/squeeze1x1", expand, 1, XAVIER),
        relu(f"{name}/relu_expand1x1", f"{name}/expand1x1"),
        convolution(f"{name}/expand3x3", f"{name}/squeeze1x1", expand, 3, XAVIER, pad=1),
        relu(f"{name}/relu_expand3x3", f"{name}/expand3x3"),
        layer("Concat", f"{name}/concat", [f"{name}/expand1x1", f"{name}/expand3x3"]),
    ]
