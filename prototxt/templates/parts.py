"""Layers as the reference nets write them: weights learn at rate 1 with decay, biases at rate 2 without."""

from __future__ import annotations

from typing import Any

from prototxt.formats.schema import LayerParameter
from prototxt.net.build import layer

LEARN = [{"lr_mult": 1, "decay_mult": 1}, {"lr_mult": 2, "decay_mult": 0}]
XAVIER = {"type": "xavier"}
MSRA = {"type": "msra"}


def gaussian(std: float) -> dict[str, Any]:
    """Return a filler of normal numbers with standard deviation ``std``."""
    return {"type": "gaussian", "std": std}


def constant(value: float) -> dict[str, Any]:
    """Return a filler of ``value`` everywhere."""
    return {"type": "constant", "value": value}


def convolution(
    name: str, bottom: str, outputs: int, kernel: int, filler: dict[str, Any], bias: float = 0, **fields: Any
) -> LayerParameter:
    """Return a square convolution; ``fields`` are single numbers of ConvolutionParameter, those of 0 left out."""
    repeated = {key: [value] for key, value in fields.items() if key in ("pad", "stride") and value}
    single = {key: value for key, value in fields.items() if key not in ("pad", "stride")}
    param = {"num_output": outputs, "kernel_size": [kernel], "weight_filler": filler, "bias_filler": constant(bias)}
    return layer("Convolution", name, bottom, param=LEARN, convolution_param=param | repeated | single)


def inner_product(name: str, bottom: str, outputs: int, filler: dict[str, Any], bias: float = 0) -> LayerParameter:
    """Return a fully connected layer."""
    param = {"num_output": outputs, "weight_filler": filler, "bias_filler": constant(bias)}
    return layer("InnerProduct", name, bottom, param=LEARN, inner_product_param=param)


def relu(name: str, blob: str) -> LayerParameter:
    """Return a ReLU that works in place."""
    return layer("ReLU", name, blob, blob)


def dropout(name: str, blob: str, ratio: float = 0.5) -> LayerParameter:
    """Return a Dropout that works in place."""
    return layer("Dropout", name, blob, blob, dropout_param={"dropout_ratio": ratio})


def pool(name: str, bottom: str, kernel: int, stride: int = 1, pad: int = 0, how: str = "MAX") -> LayerParameter:
    """Return a square pooling."""
    param: dict[str, Any] = {"pool": how, "kernel_size": kernel, "stride": stride}
    return layer("Pooling", name, bottom, pooling_param=param | ({"pad": pad} if pad else {}))


def global_pool(name: str, bottom: str) -> LayerParameter:
    """Return the average over each whole map."""
    return layer("Pooling", name, bottom, pooling_param={"pool": "AVE", "global_pooling": True})


def lrn(name: str, bottom: str) -> LayerParameter:
    """Return the normalisation across five channels of AlexNet and GoogLeNet."""
    return layer("LRN", name, bottom, lrn_param={"local_size": 5, "alpha": 1e-4, "beta": 0.75})
