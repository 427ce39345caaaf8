"""Estimated cost of a training step: arithmetic by hand, and what a split changes of it."""

import pytest

from entropy.split_folder.cost import MOVED, StepCost, step_cost
from prototxt.formats.text import parse_net
from prototxt.net.build import layer
from prototxt.split import split_net

NET = """
layer { name: "data" type: "DummyData" top: "data" top: "label"
        dummy_data_param { shape { dim: 2 dim: 4 dim: 6 dim: 5 } shape { dim: 2 } } }
layer { name: "c" type: "Convolution" bottom: "data" top: "c"
        convolution_param { num_output: 8 kernel_size: 3 group: 2 } }
layer { name: "d" type: "Deconvolution" bottom: "c" top: "d"
        convolution_param { num_output: 2 kernel_size: 2 stride: 2 } }
layer { name: "p" type: "Convolution" bottom: "d" top: "p" convolution_param { num_output: 4 kernel_size: 1 } }
layer { name: "f" type: "InnerProduct" bottom: "p" top: "f" inner_product_param { num_output: 3 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "f" bottom: "label" top: "loss" }
"""
# By hand: batch 2; c is 8 x 4 x 3 with 2 channels of 3 x 3 behind each filter; d is 2 x 8 x 6; p is 4 x 8 x 6; f is 3.
MULTIPLY_ADDS = {
    "c": 2 * 8 * 12 * (2 * 9),
    "d": 2 * 8 * 12 * (2 * 4),
    "p": 2 * 4 * 48 * 2,
    "f": 2 * 3 * 192,
}
WEIGHTS = {"c": 8 * 2 * 9, "d": 8 * 2 * 4, "p": 4 * 2, "f": 3 * 192}
# Columns: channels x kernel for each of c's outputs, channels of the top x kernel for each of d's inputs; p needs none.
COLUMNS = {"c": 2 * 12 * 4 * 9, "d": 2 * 12 * 2 * 4, "p": 0, "f": 0}


def by_hand(passes):
    moved = {name: COLUMNS[name] + WEIGHTS[name] for name in WEIGHTS}
    return StepCost(*(sum(passes[name] * values[name] for name in passes) for values in (MULTIPLY_ADDS, moved)))


def frozen(*names):
    net = parse_net(NET)
    for each in net.layer:
        if each.name in names:
            each.param.add(lr_mult=0)
            each.param.add(lr_mult=0)
    return net


@pytest.mark.parametrize(
    ("names", "passes"),
    [
        ((), {"c": 2, "d": 3, "p": 3, "f": 3}),  # nothing learns below the first layer
        (("d",), {"c": 2, "d": 2, "p": 3, "f": 3}),
        (("c", "d"), {"c": 1, "d": 1, "p": 2, "f": 3}),  # back-propagation ends where nothing below learns
        (("c", "d", "p", "f"), {"c": 1, "d": 1, "p": 1, "f": 1}),
    ],
)
def test_passes_are_those_that_caffe_makes(names, passes):
    found = step_cost(frozen(*names))
    assert found == by_hand(passes)
    assert found.total == found.multiply_adds + MOVED * found.moved


def test_a_bias_alone_that_learns_makes_the_layer_learn():
    net = frozen("c")
    net.layer[1].param[1].lr_mult = 1
    assert step_cost(net) == by_hand({"c": 2, "d": 3, "p": 3, "f": 3})


def test_force_backward_reaches_the_data():
    net = parse_net(NET)
    net.force_backward = True
    assert step_cost(net) == by_hand({"c": 3, "d": 3, "p": 3, "f": 3})


def test_what_leads_to_no_loss_goes_forward_only():
    loss = 'type: "SoftmaxWithLoss" bottom: "f" bottom: "label"'
    net = parse_net(NET.replace(loss, 'type: "EuclideanLoss" bottom: "p" bottom: "p"'))
    assert step_cost(net) == by_hand({"c": 2, "d": 3, "p": 3, "f": 1})


def test_shapes_that_only_a_file_knows_are_given():
    net = parse_net(NET)
    net.layer[0].CopyFrom(layer("HDF5Data", "data", tops=["data", "label"], hdf5_data_param={"batch_size": 2}))
    assert step_cost(net, {"data": (2, 4, 6, 5), "label": (2,)}) == step_cost(parse_net(NET))


def test_a_split_saves_the_gradients_of_frozen_filters_and_pays_for_columns_twice():
    plain = parse_net(NET)
    split = split_net(plain, {"c": [0, 0, 0, 1, 0, 0, 0, 1]}, {"c": 4})
    assert {len(part.filters) for part in split.layers[0].parts} == {6, 2}
    found, before = step_cost(split.net), step_cost(plain)
    saved = MULTIPLY_ADDS["c"] * 6 // 8  # three quarters of one pass: their weight gradient
    assert before.multiply_adds - found.multiply_adds == saved
    copied = 2 * 8 * 12  # the Concat's top; each part's filters are cut into runs by a Slice of the same total size
    columns = COLUMNS["c"]  # frozen: forward only; free: forward and weight gradient; plain: two passes
    assert found.moved - before.moved == columns - WEIGHTS["c"] * 6 // 8 + 2 * (copied + copied) - _frozen_copies()


def _frozen_copies():
    """The frozen part's Slice copies nothing backward: nothing below it learns."""
    return 2 * 6 * 12
