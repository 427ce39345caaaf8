"""Old nets to operate on: a small one with every kind of companion, and random ones."""

from random import Random

import numpy as np

from prototxt.formats.text import parse_net
from prototxt.net.build import input_layer, layer
from prototxt.net.build import net as make_net
from prototxt.net.shapes import infer_shapes

SMALL = """
name: "small"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 16 dim: 16 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: 8 kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "norm1" type: "LRN" bottom: "conv1" top: "norm1" lrn_param { local_size: 3 alpha: 0.5 } }
layer { name: "conv2" type: "Convolution" bottom: "norm1" top: "conv2" param { lr_mult: 1 } param { lr_mult: 2 }
        convolution_param { num_output: 8 kernel_size: 3 group: 2 } }
layer { name: "bn2" type: "BatchNorm" bottom: "conv2" top: "conv2" }
layer { name: "scale2" type: "Scale" bottom: "conv2" top: "conv2" scale_param { bias_term: true } }
layer { name: "relu2" type: "ReLU" bottom: "conv2" top: "conv2" }
layer { name: "conv3" type: "Convolution" bottom: "conv2" top: "conv3"
        convolution_param { num_output: 6 kernel_size: 3 pad: 1 } }
layer { name: "prelu3" type: "PReLU" bottom: "conv3" top: "conv3" }
layer { name: "pool3" type: "Pooling" bottom: "conv3" top: "pool3" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "fc4" type: "InnerProduct" bottom: "pool3" top: "fc4" inner_product_param { num_output: 12 } }
layer { name: "relu4" type: "ReLU" bottom: "fc4" top: "fc4" }
layer { name: "drop4" type: "Dropout" bottom: "fc4" top: "fc4" }
layer { name: "fc5" type: "InnerProduct" bottom: "fc4" top: "fc5" inner_product_param { num_output: 5 } }
layer { name: "prob" type: "Softmax" bottom: "fc5" top: "prob" }
"""


def random_weights(net, seed=0):
    """Weights of every layer, large enough that activations live."""
    rng = np.random.default_rng(seed)
    types = {layer.name: layer.type for layer in net.layer}
    weights = {
        name: [(rng.normal(size=shape) / np.sqrt(max(np.prod(shape[1:]), 1))).astype(np.float32) for shape in shapes]
        for name, shapes in infer_shapes(net).params.items()
    }
    for name, blobs in weights.items():
        if types[name] == "BatchNorm":
            blobs[1:] = [rng.uniform(0.5, 2, blobs[1].shape).astype(np.float32), np.ones(1, np.float32)]
        if types[name] == "Scale":
            blobs[0] += 1
    return weights


def small_net():
    return parse_net(SMALL)


def random_old(seed: int):
    """A random chain of layers as classifiers have them; every draw is a valid net."""
    rng = Random(seed)
    size = rng.randint(9, 14)
    layers = [input_layer("data", (2, 3, size, size))]
    for number in range(1, rng.randint(2, 4) + 1):
        param = {
            "num_output": rng.choice([4, 6, 8]),
            "kernel_size": [rng.choice([1, 3])],
            "pad": [1],
            "group": rng.choice([1, 1, 2]) if number > 1 else 1,
            "bias_term": rng.random() < 0.7,
        }
        layers.append(layer("Convolution", f"c{number}", layers[-1].top[0], convolution_param=param))
        for kind in rng.sample(list(COMPANIONS), rng.randint(1, 4)):
            bottom, name = layers[-1].top[0], f"{kind}{number}"
            layers.append(COMPANIONS[kind](rng, name, bottom, rng.choice([bottom, name])))
    for name in ("f1", "f2")[: rng.randint(0, 2)]:
        param = {"num_output": rng.randint(4, 9)}
        layers.append(layer("InnerProduct", name, layers[-1].top[0], inner_product_param=param))
        layers.append(_act(rng, f"{name}act", name, name))
    layers.append(layer("InnerProduct", "scores", layers[-1].top[0], inner_product_param={"num_output": 4}))
    if rng.random() < 0.5:
        layers.append(layer("Softmax", "prob", "scores"))
    net = make_net("random", layers)
    return net, random_weights(net, seed)


def _act(rng, name, bottom, top):
    """None that can be silent for all images: every layer is to have a gradient."""
    kind = rng.choice(["ReLU", "PReLU", "ELU", "TanH"])
    slope = {"relu_param": {"negative_slope": 0.2}} if kind == "ReLU" else {}
    return layer(kind, name, bottom, top, **slope)


def _lrn(rng, name, bottom, top):
    param = {"local_size": 3, "alpha": 0.5, "norm_region": rng.choice(["ACROSS_CHANNELS", "WITHIN_CHANNEL"])}
    return layer("LRN", name, bottom, lrn_param=param)


def _pool(rng, name, bottom, top):
    param = {"pool": rng.choice(["MAX", "AVE"]), "kernel_size": 3, "stride": rng.choice([1, 2]), "pad": 1}
    return layer("Pooling", name, bottom, pooling_param=param)


COMPANIONS = {
    "bn": lambda rng, name, bottom, top: layer("BatchNorm", name, bottom, top),
    "scale": lambda rng, name, bottom, top: layer("Scale", name, bottom, top, scale_param={"bias_term": True}),
    "act": _act,
    "lrn": _lrn,
    "pool": _pool,
    "drop": lambda rng, name, bottom, top: layer("Dropout", name, bottom, top),
}
