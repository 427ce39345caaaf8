"""From deploy nets to training nets."""

import pytest

from entropy import PlanError
from entropy.planning.frozen import with_global_statistics
from entropy.split_folder.training_net import Head, input_blob, training_net, with_head
from prototxt.formats.text import parse_net, read_net
from prototxt.lint import lint_net
from prototxt.net.build import layer as make_layer

CONV_CLASSIFIER = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 8 dim: 8 } } }
layer { name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param { num_output: 4 kernel_size: 1 } }
layer { name: "c10" type: "Convolution" bottom: "c" top: "c10" convolution_param { num_output: 9 kernel_size: 1 } }
layer { name: "r10" type: "ReLU" bottom: "c10" top: "c10" }
layer { name: "p10" type: "Pooling" bottom: "c10" top: "p10" pooling_param { pool: AVE global_pooling: true } }
layer { name: "prob" type: "Softmax" bottom: "p10" top: "prob" }
"""
TWO_HEADS = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 6 } } }
layer { name: "trunk" type: "InnerProduct" bottom: "data" top: "trunk" inner_product_param { num_output: 5 } }
layer { name: "a" type: "InnerProduct" bottom: "trunk" top: "a" inner_product_param { num_output: 3 } }
layer { name: "b" type: "InnerProduct" bottom: "trunk" top: "b" inner_product_param { num_output: 4 } }
"""


def test_the_head_takes_the_place_of_the_last_classifier(small):
    net = with_head(read_net(small.net), Head("fc_new", 3, (10, 20)))
    assert [layer.name for layer in net.layer][-2:] == ["drop3", "fc_new"]
    head = net.layer[-1]
    assert (list(head.top), head.inner_product_param.num_output) == (["fc_new"], 3)
    assert [(spec.lr_mult, spec.decay_mult) for spec in head.param] == [(10, 1), (20, 0)]


def test_layers_behind_a_convolutional_classifier_stay():
    net = with_head(parse_net(CONV_CLASSIFIER), Head("c_new", 3))
    assert [(layer.name, list(layer.bottom), list(layer.top)) for layer in net.layer][2:] == [
        ("c_new", ["c"], ["c_new"]),
        ("r10", ["c_new"], ["c_new"]),
        ("p10", ["c_new"], ["p10"]),
    ]


def test_of_several_heads_the_named_one_is_replaced_and_the_others_go():
    net = with_head(parse_net(TWO_HEADS), Head("new", 2, replaces="a"))
    assert [layer.name for layer in net.layer] == ["data", "trunk", "new"]
    with pytest.raises(PlanError, match="does not lead straight to one output"):
        with_head(parse_net(TWO_HEADS), Head("new", 2, replaces="trunk"))


def test_a_taken_name_is_refused(small):
    with pytest.raises(PlanError, match="already; give the new head another name"):
        with_head(read_net(small.net), Head("conv2", 3))


def test_a_net_without_classifier_or_with_two_inputs_is_refused():
    with pytest.raises(PlanError, match="no InnerProduct or Convolution layer"):
        with_head(
            parse_net('layer { name: "d" type: "Input" top: "d" input_param { shape { dim: 1 } } }'), Head("n", 2)
        )
    two = parse_net("".join(f'layer {{ name: "{n}" type: "Input" top: "{n}" }}' for n in "ab"))
    with pytest.raises(PlanError, match="the net has 2 inputs"):
        input_blob(two)


def test_a_training_net_has_loss_and_accuracy_and_pleases_the_linter(small):
    net = with_head(read_net(small.net), Head("fc_new", 3))
    data = make_layer(
        "DummyData", "data", tops=["data", "label"],
        dummy_data_param={"shape": [{"dim": [2, 3, 16, 16]}, {"dim": [2]}], "data_filler": [{"value": 0}]},
    )  # fmt: skip
    whole = training_net(net, [data])
    assert lint_net(whole) == []
    assert [(layer.type, list(layer.bottom)) for layer in whole.layer][-2:] == [
        ("Accuracy", ["fc_new", "label"]),
        ("SoftmaxWithLoss", ["fc_new", "label"]),
    ]


def test_batch_normalisation_uses_stored_statistics(small):
    net, changed = with_global_statistics(read_net(small.net))
    assert changed == ["bn2"]
    assert with_global_statistics(net)[1] == []
