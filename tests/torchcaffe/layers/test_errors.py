"""Layers whose fields do not make sense say which, what they got, and what is allowed."""

from __future__ import annotations

import pytest
import torch

from prototxt.common.errors import NetError
from prototxt.formats.schema import LayerParameter
from prototxt.formats.text import parse_message
from torchcaffe.layer import Layer
from torchcaffe.registry import LAYERS, layer

MAP = (2, 4, 8, 8)


@pytest.mark.parametrize(
    ("text", "shapes", "words"),
    [
        ('type: "Convolution" convolution_param { num_output: 4 }', [MAP], "kernel_size must be given once or 2 times"),
        ('type: "Convolution" convolution_param { num_output: 4 kernel_size: 3 group: 3 }', [MAP], "multiple of group"),
        ('type: "Convolution" convolution_param { kernel_size: 3 }', [MAP], r"num_output \(0\)"),
        ('type: "Convolution" convolution_param { num_output: 4 kernel_size: 3 }', [(2, 4)], "1 to 3 spatial axes"),
        ('type: "Pooling"', [MAP], "needs kernel_size, or both kernel_h and kernel_w"),
        ('type: "Pooling" pooling_param { kernel_h: 2 }', [MAP], "got kernel_h"),
        ('type: "Pooling" pooling_param { kernel_size: 2 pad: 2 }', [MAP], "must be smaller than the kernel"),
        ('type: "Pooling" pooling_param { kernel_size: 2 global_pooling: true }', [MAP], "remove kernel_size"),
        ('type: "Pooling" pooling_param { kernel_size: 2 }', [(2, 3)], r"4 axes .*got shape \(2, 3\)"),
        ('type: "LRN" lrn_param { local_size: 4 }', [MAP], "local_size must be odd, got 4"),
        ('type: "InnerProduct"', [MAP], "num_output > 0"),
        ('type: "Concat" concat_param { axis: 5 }', [MAP], "axis 5 is out of range"),
        ('type: "Slice" top: "z" top: "u"', [(2, 4)], "length 4 cannot be cut into 3"),
        ('type: "Slice" top: "z" slice_param { slice_point: 1 slice_point: 2 }', [(2, 4)], "2 tops need 1"),
        ('type: "Eltwise"', [MAP], "takes 2 to any number"),
        ('type: "ReLU"', [MAP, MAP], "has 2 bottom blobs; it takes 1"),
        ('type: "ReLU" param { lr_mult: 1 }', [MAP], "1 param messages but only 0 parameter blobs"),
        ('type: "BatchNorm" param { lr_mult: 1 }', [MAP], "lr_mult: 0"),
        ('type: "Dropout" dropout_param { dropout_ratio: 1 }', [MAP], r"in \[0, 1\), got 1"),
        ('type: "SoftmaxWithLoss"', [(4, 10), (5,)], "equal first axes"),
        ('type: "SoftmaxWithLoss"', [(4, 10, 3), (4,)], "one label for each of 12 predictions"),
        ('type: "SoftmaxWithLoss" top: "p"', [(4, 10), (4,)], "loss_weight must be given 2 times"),
        ('type: "Accuracy" accuracy_param { top_k: 20 }', [(4, 10), (4,)], "at most the number of classes, 10; got 20"),
        ('type: "InfogainLoss"', [(4, 10), (4,)], "infogain_loss_param"),
        (
            'type: "InnerProduct" inner_product_param { num_output: 2 weight_filler { type: "x" } }',
            [MAP],
            "filler type",
        ),
        ('type: "ReLU" bottom: "x" propagate_down: true propagate_down: true', [MAP], "propagate_down"),
        ('type: "Input"', [], "needs one shape"),
    ],
)
def test_bad_fields(text, shapes, words):
    param = parse_message(f'name: "odd" top: "y" {text}', LayerParameter)
    with pytest.raises(NetError, match=f"layer 'odd'.*{words}"):
        LAYERS[param.type].from_param(param, shapes)


@pytest.mark.parametrize("layer_type", ["SoftmaxWithLoss", "HingeLoss", "MultinomialLogisticLoss", "Accuracy"])
def test_labels_that_are_no_classes(layer_type):
    param = LayerParameter(name="loss", type=layer_type, top=["y"])
    made = LAYERS[layer_type].from_param(param, [(2, 3), (2,)])
    for wrong in (3, -1):
        with pytest.raises(ValueError, match=f"between 0 and 2, got {wrong}"):
            made(torch.rand(2, 3), torch.tensor([0.0, wrong]))


def test_a_type_is_registered_once():
    with pytest.raises(ValueError, match="'ReLU' is registered twice"):
        layer("ReLU")(Layer)
    assert LAYERS["ReLU"] is not Layer


def test_second_top_of_the_softmax_loss():
    text = 'name: "loss" type: "SoftmaxWithLoss" top: "l" top: "p" loss_weight: 1 loss_weight: 0'
    made = LAYERS["SoftmaxWithLoss"].from_param(parse_message(text, LayerParameter), [(2, 3, 4), (2, 4)])
    x = torch.randn(2, 3, 4)
    _, probabilities = made(x, torch.zeros(2, 4))
    torch.testing.assert_close(probabilities, x.softmax(1))
    assert made.loss_weights == (1, 0)
