"""Phases, SSA values, units and the errors of wiring; the registries' coverage."""

from __future__ import annotations

import pytest

from prototxt.common.errors import NetError
from prototxt.formats.schema import NetParameter
from prototxt.net.build import input_layer, layer, net
from prototxt.net.extension_types import EXTENSION_TYPES
from prototxt.net.field_rules import FIELD_RULES
from prototxt.net.graph import NetGraph, Value
from prototxt.net.phases import filter_net
from prototxt.net.shape_rules import SHAPE_RULES
from prototxt.net.shapes import infer_shapes
from prototxt.templates import TEMPLATES, read_template
from tests.prototxt.lint.refused_nets import REFUSED

CONVOLUTION = {"num_output": 2, "kernel_size": [1]}


def names(nodes):
    return [node.name for node in nodes]


def chain(*layers):
    return NetGraph(net("chain", [input_layer("data", (1, 2, 4, 4)), *layers]))


def conv(name="conv", bottom="data", top=None):
    return layer("Convolution", name, bottom, top, convolution_param=CONVOLUTION)


@pytest.mark.parametrize(
    ("rules", "state", "included"),
    [
        ({}, {}, True),
        ({"include": [{"phase": "TRAIN"}]}, {}, False),
        ({"include": [{"phase": "TRAIN"}]}, {"phase": "TRAIN"}, True),
        ({"include": [{"phase": "TRAIN"}, {"phase": "TEST"}]}, {}, True),
        ({"exclude": [{"phase": "TEST"}]}, {}, False),
        ({"exclude": [{"phase": "TEST", "stage": ["deploy"]}]}, {}, True),
        ({"exclude": [{"phase": "TEST", "stage": ["deploy"]}]}, {"stages": ["deploy"]}, False),
        ({"include": [{"stage": ["a", "b"]}]}, {"stages": ["a"]}, False),
        ({"include": [{"stage": ["a", "b"]}]}, {"stages": ["b", "a"]}, True),
        ({"include": [{"stage": ["a"], "not_stage": ["b"]}]}, {"stages": ["a", "b"]}, False),
        ({"include": [{"min_level": 1}]}, {}, False),
        ({"include": [{"min_level": 1, "max_level": 2}]}, {"level": 2}, True),
        ({"include": [{"max_level": 2}]}, {"level": 3}, False),
    ],
)
def test_phases(rules, state, included):
    message = net("phases", [layer("ReLU", "x", "a", **rules)])
    filtered = filter_net(message, **state)
    assert names(filtered.layer) == ["x"] * included
    assert names(filter_net(filtered).layer) == names(filtered.layer)


def test_phase_comes_from_the_net_by_default():
    message = net("phases", [layer("ReLU", "x", "a", include=[{"phase": "TRAIN", "stage": ["s"]}])])
    assert names(filter_net(message).layer) == []
    message.state.phase = 0
    message.state.stage.append("s")
    assert names(filter_net(message).layer) == ["x"]
    assert names(filter_net(message, phase="TEST").layer) == []
    message.layer[0].exclude.add()
    with pytest.raises(NetError, match=r"layer 'x' .*both include and exclude"):
        filter_net(message)
    with pytest.raises(NetError, match="unknown phase 'VALIDATE'"):
        filter_net(message, phase="VALIDATE")


def test_in_place_layers_make_versions():
    graph = chain(conv("c"), layer("ReLU", "r", "c", "c"), layer("Dropout", "d", "c", "c"), conv("e", "c"))
    assert [str(value) for value in graph.values] == ["data", "c", "c@1", "c@2", "e"]
    assert names(graph.consumers(Value("c"))) == ["r"]
    assert names(graph.consumers(Value("c", 2))) == ["e"]
    assert graph.producer(Value("c", 1)).name == "r"
    assert graph.value("c") == Value("c", 2)
    assert graph.inputs == (Value("data"),)
    assert graph.outputs == (Value("e"),)


def test_units_are_read_after_the_activation():
    graph = chain(
        conv("c"),
        layer("BatchNorm", "n", "c", "c"),
        layer("Scale", "s", "c", "scaled"),
        layer("ReLU", "r", "scaled", "scaled"),
        layer("TanH", "t", "scaled"),
        layer("InnerProduct", "f", "t", inner_product_param={"num_output": 3}),
        layer("Dropout", "d", "f", "f"),
        layer("ReLU", "r2", "f", "f"),
    )
    assert names(graph.unit_layers()) == ["c", "f"]
    assert graph.unit_value("c") == Value("scaled", 1)  # the first activation ends the chain
    assert graph.unit_value("c", after=False) == Value("c")
    assert graph.unit_value("f") == Value("f")  # Dropout comes before the activation
    assert NetGraph(read_template("alexnet")).unit_value("fc6") == Value("fc6", 1)
    with pytest.raises(NetError, match="no layer 'cc'; did you mean 'c'"):
        graph.unit_value("cc")


def test_units_of_a_value_that_two_layers_read():
    graph = chain(conv("c"), layer("ReLU", "r", "c"), layer("TanH", "t", "c"))
    assert graph.unit_value("c") == Value("c")
    shared_after = chain(conv("c"), layer("ReLU", "r", "c", "c"), layer("TanH", "t", "c"), conv("e", "c"))
    assert shared_after.unit_value("c") == Value("c", 1)
    gated = chain(conv("c"), conv("g"), layer("Scale", "s", ["c", "g"]), layer("ReLU", "r", "s"))
    assert gated.unit_value("c") == Value("c")  # Scale by another blob is no normalisation


def test_what_must_run():
    graph = NetGraph(read_template("googlenet"))
    wanted = graph.value("inception_3a/3x3")
    needed = names(graph.ancestors([wanted]))
    assert needed[-2:] == ["inception_3a/3x3", "inception_3a/relu_3x3"]
    assert "inception_3a/1x1" not in needed
    assert graph.layers[graph.last_needed([wanted])].name == "inception_3a/relu_3x3"
    assert graph.last_needed([]) == -1
    between = names(graph.between([wanted], [graph.value("inception_3b/1x1")]))
    assert between == ["inception_3a/output", "inception_3b/1x1", "inception_3b/relu_1x1"]
    assert names(graph.descendants([graph.value("prob")])) == []


def test_losses_without_a_top_get_one():
    graph = NetGraph(
        net("loss", [input_layer("a", (2, 3)), input_layer("b", (2, 3)), layer("EuclideanLoss", "l", ["a", "b"], ())])
    )
    assert graph.node("l").tops == (Value("(automatic)"),)
    assert graph.outputs == ()
    assert infer_shapes(graph).values[Value("(automatic)")] == ()


def test_old_input_fields():
    graph = NetGraph(NetParameter(input=["data"], input_dim=[1, 3, 4, 5]))
    assert graph.inputs == (Value("data"),)
    assert infer_shapes(graph).blob("data") == (1, 3, 4, 5)


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ([conv("c", "dta")], "layer 'c' .*unknown bottom blob 'dta'.*did you mean 'data'"),
        ([conv("c"), conv("d", "data", "c")], "layer 'd' .*'c' is written by an earlier layer"),
        ([conv("c"), conv("d", "c"), layer("ReLU", "r", "c", "c")], "layer 'r' .*overwrites blob 'c'.*layer 'd'"),
        ([conv("c"), layer("ReLU", "r", "c", "c"), layer("Eltwise", "e", ["c", "c"], "c")], "layer 'e' .*reads twice"),
    ],
)
def test_wrong_wiring(layers, sentence):
    with pytest.raises(NetError, match=sentence):
        chain(*layers)


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_settings_name_the_layer(name):
    with pytest.raises(NetError, match=r"layer '(wrong|y)'.{10,}"):
        infer_shapes(REFUSED[name])


def test_shapes_that_only_files_know():
    message = net("data", [layer("Data", "d", (), ["data", "label"]), conv("c")])
    with pytest.raises(NetError, match=r"layer 'd' .*database.*input_shapes for data, label"):
        infer_shapes(message)
    shapes = infer_shapes(message, {"data": (5, 3, 8, 8), "label": (5,)})
    assert shapes.blob("c") == (5, 2, 8, 8)
    assert shapes.params == {"c": [(2, 3, 1, 1), (2,)]}
    with pytest.raises(NetError, match="blob 'c' is made by"):
        infer_shapes(message, {"c": (1, 2, 3, 4)})
    with pytest.raises(NetError, match="no blob 'dat'"):
        infer_shapes(message, {"dat": (1, 2, 3, 4)})
    other_batch = infer_shapes(chain(conv("c")), {"data": (7, 2, 4, 4)})
    assert other_batch.blob("c") == (7, 2, 4, 4)
    pictures = {"batch_size": 4, "new_height": 9, "new_width": 7}
    image_data = layer("ImageData", "d", (), ["data", "label"], image_data_param=pictures)
    assert infer_shapes(net("images", [image_data])).blob("data") == (4, 3, 9, 7)


def test_shared_parameters_must_fit():
    def shared(name, outputs):
        param = {"num_output": outputs, "kernel_size": [1], "bias_term": False}
        return layer("Convolution", name, "data", param=[{"name": "w"}], convolution_param=param)

    infer_shapes(chain(shared("a", 2), shared("b", 2)))
    with pytest.raises(NetError, match=r"layer 'b' .*shares parameter 'w' with layer 'a'"):
        infer_shapes(chain(shared("a", 2), shared("b", 4)))
    with pytest.raises(NetError, match="another layer with parameters has this name"):
        infer_shapes(chain(conv("a"), conv("a", "data", "other")))


CAFFE_TYPES = """AbsVal Accuracy ArgMax BNLL BatchNorm BatchReindex Bias Clip Concat ContrastiveLoss Convolution Crop
Data Deconvolution Dropout DummyData ELU Eltwise Embed EuclideanLoss Exp Filter Flatten HDF5Data HDF5Output HingeLoss
Im2col ImageData InfogainLoss InnerProduct Input LRN LSTM LSTMUnit Log MVN MemoryData MultinomialLogisticLoss PReLU
Parameter Pooling Power Python RNN ReLU Reduction Reshape SPP Scale Sigmoid SigmoidCrossEntropyLoss Silence Slice
Softmax SoftmaxWithLoss Split Swish TanH Threshold Tile WindowData"""
SEES_EVERYTHING = {
    "Accuracy": "one number for all",
    "ContrastiveLoss": "one number for all",
    "EuclideanLoss": "one number for all",
    "HingeLoss": "one number for all",
    "InfogainLoss": "one number for all",
    "MultinomialLogisticLoss": "one number for all",
    "SigmoidCrossEntropyLoss": "one number for all",
    "SoftmaxWithLoss": "one number for all",
    "LSTM": "every step sees those before it",
    "LSTMUnit": "vectors",
    "RNN": "every step sees those before it",
    "Python": "nobody knows",
    "SPP": "its bins become one vector",
}
NO_TOPS_OR_BOTTOMS = """Data DummyData HDF5Data HDF5Output ImageData Input MemoryData Parameter Silence
WindowData"""


def test_every_type_of_caffe_has_its_rules():
    assert set(SHAPE_RULES) == set(CAFFE_TYPES.split()) | EXTENSION_TYPES.keys()
    exempt = set(SEES_EVERYTHING) | set(NO_TOPS_OR_BOTTOMS.split()) | EXTENSION_TYPES.keys()
    assert set(FIELD_RULES) == set(SHAPE_RULES) - exempt


def test_unknown_types_and_templates():
    with pytest.raises(NetError, match=r"layer 'r': unknown layer type 'Relu' \(did you mean 'ReLU'\?\); use one of A"):
        infer_shapes(net("x", [input_layer("data", (1,)), layer("Relu", "r", "data")]))
    with pytest.raises(NetError, match=r"unknown template 'alex' \(did you mean 'alexnet'\?\); use one of alexnet, c"):
        read_template("alex")


PARAMETERS = {  # of the papers' and reference nets; ResNets with the three blobs of every BatchNorm
    "lenet": 431_080,
    "alexnet": 60_965_224,
    "caffenet": 60_965_224,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "googlenet": 6_998_552,
    "squeezenet": 1_235_496,
    "resnet50": 25_557_032 + 53_120 + 53,
    "resnet101": 44_549_160 + 105_344 + 104,
    "resnet152": 60_192_808 + 151_424 + 155,
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_have_their_parameters(name):
    shapes = infer_shapes(read_template(name))
    count = 0
    for blobs in shapes.params.values():
        for shape in blobs:
            size = 1
            for length in shape:
                size *= length
            count += size
    assert count == PARAMETERS[name]
