"""Heads beside the old one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entropy.errors import SurgeryError
from entropy.surgery.heads import TaskHead, add_head
from prototxt.common.errors import NetError
from prototxt.formats.schema import FillerParameter
from prototxt.formats.text import parse_net
from prototxt.net.graph import NetGraph
from prototxt.templates import read_template
from tests.entropy.surgery.old_nets import random_old, random_weights
from tests.entropy.surgery.proofs import assert_preserved, assert_preserved_in_caffe, images, values

WIDE = TaskHead("fc_new", 3, on=("pool3", "fc4"), dropout=0.25)


def layers_of(extended):
    new = extended.new_layers
    return [(layer.name, layer.type, *layer.bottom) for layer in extended.net.layer if layer.name in new]


def test_by_default_a_head_of_the_classifiers_kind_reads_what_the_classifier_reads(small_old):
    extended = add_head(*small_old, TaskHead("fc_new", 3))
    assert layers_of(extended) == [("fc_new", "InnerProduct", "fc4")]
    assert (extended.old_outputs, extended.new_output) == (("fc5",), "fc_new")
    assert extended.parameters_added == 3 * 12 + 3
    assert extended.rates == dict.fromkeys(small_old[1], 0.0) | {"fc_new": 1.0}
    assert [(spec.lr_mult, spec.decay_mult) for spec in extended.net.layer[-1].param] == [(10, 1), (20, 0)]


def test_a_wide_head_computes_a_linear_function_of_all_its_blobs(small_old):
    extended = add_head(*small_old, WIDE)
    assert layers_of(extended) == [
        ("fc_new_pool3", "Flatten", "pool3"),
        ("fc_new_in", "Concat", "fc_new_pool3", "fc4"),
        ("fc_new_drop", "Dropout", "fc_new_in"),
        ("fc_new", "InnerProduct", "fc_new_drop"),
    ]
    pool, fc, scores = values(extended.net, extended.weights, ["pool3", "fc4", "fc_new"], images(extended.net))
    weights, bias = extended.weights["fc_new"]
    inputs = np.concatenate([pool.reshape(len(pool), -1), fc], axis=1).astype(np.float64)
    np.testing.assert_allclose(scores, inputs @ weights.T.astype(np.float64) + bias, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("head", [TaskHead("fc_new", 3), WIDE, TaskHead("fc_new", 2, on=("conv3",))])
def test_the_old_net_stays_to_the_bit(small_old, head):
    assert_preserved(small_old, add_head(*small_old, head))


@pytest.mark.parametrize("head", [TaskHead("fc8_new", 96), TaskHead("fc8_new", 96, on=("pool5", "fc7"))])
def test_the_bundled_net_stays_to_the_bit(indoor39, head):
    extended = add_head(*indoor39, head)
    assert extended.parameters_added == 96 * (512 + 1 + (2304 if head.on else 0))
    assert_preserved(indoor39, extended)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_random_nets_and_blobs(seed, data):
    old = random_old(seed)
    blobs = list(dict.fromkeys(value.blob for value in NetGraph(old[0]).values if value.blob != "data"))
    on = tuple(data.draw(st.lists(st.sampled_from(blobs), max_size=3, unique=True)))
    assert_preserved(old, add_head(*old, TaskHead("new", 3, on=on)))


@pytest.mark.caffe
@pytest.mark.parametrize("head", [TaskHead("fc_new", 3), WIDE])
def test_real_caffe(small_old, head, real_caffe, tmp_path):
    assert_preserved_in_caffe(real_caffe, small_old, add_head(*small_old, head), tmp_path)


@pytest.mark.caffe
def test_real_caffe_on_the_bundled_net(indoor39, real_caffe, tmp_path):
    extended = add_head(*indoor39, TaskHead("fc8_new", 96, on=("pool5", "fc7")))
    assert_preserved_in_caffe(real_caffe, indoor39, extended, tmp_path)


def test_a_convolutional_classifier_is_copied_with_what_follows_it():
    net = read_template("squeezenet")
    net.layer[0].input_param.shape[0].dim[:] = [1, 3, 64, 64]
    extended = add_head(net, random_weights(net), TaskHead("conv_new", 7))
    assert [name for name, *_ in layers_of(extended)] == ["conv_new", "conv_new_relu_conv10", "conv_new_pool10"]
    assert (extended.old_outputs, extended.new_output) == (("pool10",), "conv_new_pool10")
    (scores,) = values(extended.net, extended.weights, [extended.new_output], images(net))
    assert scores.shape == (1, 7, 1, 1)


def test_the_fillers_numbers_are_those_of_the_seed(small_old):
    first, again, other = (add_head(*small_old, WIDE, seed=seed).weights["fc_new"][0] for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes() != other.tobytes()
    assert first.std() == pytest.approx(0.01, rel=0.15)
    xavier = TaskHead("fc_new", 3, filler=FillerParameter(type="xavier"))
    (weights, bias), limit = add_head(*small_old, xavier).weights["fc_new"], np.sqrt(3 / 12)
    assert 0.8 * limit < np.abs(weights).max() <= limit
    assert not bias.any()


def test_a_third_task_finds_both_heads(small_old):
    first = add_head(*small_old, WIDE)
    second = add_head(first.net, first.weights, TaskHead("fc_third", 4, on=("fc4",)))
    assert (second.old_outputs, second.new_output) == (("fc5", "fc_new"), "fc_third")
    assert_preserved((first.net, first.weights), second)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (TaskHead("fc4", 3), "a layer or blob 'fc4' already"),
        (TaskHead("new", 3, on=("pool33",)), "no blob 'pool33'; did you mean 'pool3'"),
    ],
)
def test_wrong_names_are_refused(small_old, head, message):
    with pytest.raises((SurgeryError, NetError), match=message):
        add_head(*small_old, head)


def test_wrong_numbers_weights_and_nets_are_refused(small_old):
    with pytest.raises(SurgeryError, match="needs at least one class; got 0"):
        TaskHead("new", 0)
    with pytest.raises(SurgeryError, match=r"dropout must be a share in \[0, 1\); got 1"):
        TaskHead("new", 2, dropout=1)
    net, weights = small_old
    with pytest.raises(SurgeryError, match="hold nothing for layer 'fc4'"):
        add_head(net, {name: blobs for name, blobs in weights.items() if name != "fc4"}, WIDE)
    sums = parse_net("""
        layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 } } }
        layer { name: "sum" type: "Eltwise" bottom: "data" bottom: "data" top: "sum" }""")
    with pytest.raises(SurgeryError, match="no InnerProduct or Convolution layer leads straight"):
        add_head(sums, {}, TaskHead("new", 2))


def test_weights_that_the_net_has_no_layer_for_are_named(small_old):
    net, weights = small_old
    extended = add_head(net, weights | {"stranger": [np.zeros(2, np.float32)]}, WIDE)
    assert "stranger" not in extended.weights
    assert "left out: stranger" in extended.notes[0]
