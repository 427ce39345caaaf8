"""A unit's weights are those by which alone its own output can be made."""

from pathlib import Path

import numpy as np
import pytest
import torch

from deepvis.compute.filters import unit_biases, unit_filters
from deepvis.model.model import Model
from prototxt.formats.text import parse_net
from prototxt.net.shapes import infer_shapes
from prototxt.pixels.preprocess import Preprocessing

NET = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 6 dim: 6 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "grouped" type: "Convolution" bottom: "conv" top: "grouped"
  convolution_param { num_output: 6 kernel_size: 1 group: 2 bias_term: false } }
layer { name: "up" type: "Deconvolution" bottom: "grouped" top: "up"
  convolution_param { num_output: 4 kernel_size: 2 stride: 2 group: 2 bias_term: false } }
layer { name: "plain" type: "InnerProduct" bottom: "up" top: "plain" inner_product_param { num_output: 5 } }
layer { name: "turned" type: "InnerProduct" bottom: "plain" top: "turned"
  inner_product_param { num_output: 3 transpose: true } }
"""
SHAPES = {"conv": (4, 3, 3, 3), "grouped": (6, 2, 1, 1), "up": (4, 3, 2, 2), "plain": (5, 256), "turned": (3, 5)}


@pytest.fixture
def model():
    net = parse_net(NET, "net.prototxt")
    random = np.random.default_rng(0)
    weights = {
        layer: [random.normal(size=shape).astype(np.float32) for shape in shapes]
        for layer, shapes in infer_shapes(net).params.items()
        if shapes
    }
    return Model("net", Path("net.prototxt"), net, weights, Preprocessing("BGR", crop=(6, 6)))


@pytest.mark.parametrize("layer", SHAPES)
def test_other_units_do_not_depend_on_them(model, layer):
    filters = unit_filters(model, layer)
    assert filters.shape == SHAPES[layer]
    unit = 1
    changed = {name: [array.copy() for array in arrays] for name, arrays in model.weights.items()}
    blob = changed[layer][0]
    blob[np.isin(blob, filters[unit])] = 0
    inputs = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 3, 6, 6)).astype(np.float32))
    value = model.unit_layers[layer].value
    outputs = []
    for weights in (model.weights, changed):
        network = Model(model.name, model.path, model.net, weights, model.preprocessing).network()
        outputs.append(network.run({"data": inputs}, keep=[value])[value].numpy()[0])
    differs = np.abs(outputs[0] - outputs[1]).reshape(len(filters), -1).max(1) > 0
    assert differs.tolist() == [number == unit for number in range(len(filters))]


def test_biases(model):
    np.testing.assert_array_equal(unit_biases(model, "conv"), model.weights["conv"][1])
    assert unit_biases(model, "grouped") is None
