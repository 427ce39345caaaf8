"""Own copies of layers for the new task."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entropy.errors import SurgeryError
from entropy.surgery.heads import TaskHead, add_head
from entropy.surgery.own_layers import add_own_layers
from prototxt.common.errors import NetError
from prototxt.formats.text import parse_net
from tests.entropy.surgery.old_nets import random_old, random_weights
from tests.entropy.surgery.proofs import (
    assert_preserved,
    assert_preserved_in_caffe,
    assert_same_bits,
    images,
    values,
)

HEAD = TaskHead("fc_new", 3)
WIDE = TaskHead("fc_new", 3, on=("pool3", "fc4"))


def path_of(extended):
    return {layer.name: list(layer.bottom) for layer in extended.net.layer if layer.name in extended.new_layers}


def test_own_layers_and_what_stands_between_them_and_the_head(small_old):
    extended = add_own_layers(*small_old, ["fc4"], HEAD)
    assert path_of(extended) == {
        "fc4_new": ["pool3"], "relu4_new": ["fc4_new"], "drop4_new": ["fc4_new"], "fc_new": ["fc4_new"],
    }  # fmt: skip
    assert extended.copied_from == {"fc4_new": "fc4"}
    assert extended.parameters_added == 12 * 54 + 12 + 3 * 12 + 3
    assert not extended.notes


def test_layers_that_are_not_own_share_their_weights_and_stay_frozen(small_old):
    extended = add_own_layers(*small_old, ["conv2"], WIDE)
    assert [name for name, rate in extended.rates.items() if rate] == ["conv2_new", "scale2_new", "fc_new"]
    assert extended.shared == {"conv3_new", "prelu3_new", "fc4_new"}
    assert path_of(extended)["fc_new_in"] == ["fc_new_pool3_new", "fc4_new"]
    layers = {layer.name: layer for layer in extended.net.layer}
    for name in extended.shared:
        assert layers[name].param == layers[extended.copied_from[name]].param
    assert [(spec.lr_mult, spec.decay_mult) for spec in layers["fc4_new"].param] == [(1, 1), (2, 0)]
    assert "computed once more" in extended.notes[0]


def test_before_training_the_new_path_computes_what_the_old_one_does(small_old):
    extended = add_own_layers(*small_old, ["conv1", "fc4"], HEAD)
    found = values(extended.net, extended.weights, ["conv3", "conv3_new", "fc4", "fc4_new"], images(extended.net))
    assert_same_bits(found[::2], found[1::2])


@pytest.mark.parametrize(
    ("layers", "head"),
    [(["fc4"], HEAD), (["fc4"], WIDE), (["conv3"], WIDE), (["conv2", "fc4"], HEAD), (["conv1"], HEAD), (["bn2"], WIDE)],
)
def test_the_old_net_stays_to_the_bit(small_old, layers, head):
    if layers == ["bn2"]:  # statistics do not learn by a gradient, but a copy of them is allowed
        extended = add_own_layers(*small_old, layers, head)
        assert_preserved(small_old, extended, ["fc_new"])
    else:
        assert_preserved(small_old, add_own_layers(*small_old, layers, head))


@pytest.mark.parametrize("layers", [["fc6", "fc7"], ["conv5"], ["conv4", "conv5", "fc6", "fc7"]])
def test_the_bundled_net_stays_to_the_bit(indoor39, layers):
    assert_preserved(indoor39, add_own_layers(*indoor39, layers, TaskHead("fc8_new", 96, on=("pool5", "fc7"))))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_random_nets_and_layers(seed, data):
    net, weights = random_old(seed)
    learn = [layer.name for layer in net.layer if layer.name in weights and layer.type != "BatchNorm"]
    chosen = data.draw(st.lists(st.sampled_from(learn[:-1]), min_size=1, max_size=3, unique=True))
    extended = add_own_layers(net, weights, chosen, TaskHead("new", 3))
    assert {f"{name}_new" for name in chosen} <= {name for name, rate in extended.rates.items() if rate}
    assert_preserved((net, weights), extended)


@pytest.mark.caffe
@pytest.mark.parametrize(("layers", "head"), [(["fc4"], HEAD), (["conv2"], WIDE), (["conv1", "conv3"], HEAD)])
def test_real_caffe(small_old, layers, head, real_caffe, tmp_path):
    assert_preserved_in_caffe(real_caffe, small_old, add_own_layers(*small_old, layers, head), tmp_path)


@pytest.mark.caffe
def test_real_caffe_on_the_bundled_net(indoor39, real_caffe, tmp_path):
    extended = add_own_layers(*indoor39, ["conv5", "fc7"], TaskHead("fc8_new", 96))
    assert_preserved_in_caffe(real_caffe, indoor39, extended, tmp_path)


SIAMESE = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 6 } } }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a" param { name: "w" } param { name: "b" }
        inner_product_param { num_output: 6 } }
layer { name: "b" type: "InnerProduct" bottom: "a" top: "b" param { name: "w" } param { name: "b" }
        inner_product_param { num_output: 6 } }
layer { name: "sum" type: "Eltwise" bottom: "b" bottom: "data" top: "sum" }
layer { name: "c" type: "InnerProduct" bottom: "sum" top: "c" inner_product_param { num_output: 4 } }
"""


def siamese():
    net = parse_net(SIAMESE)
    weights = random_weights(net)
    weights["b"] = weights["a"]
    return net, weights


def test_what_old_layers_share_their_own_copies_share():
    extended = add_own_layers(*siamese(), ["a", "b"], HEAD)
    names = {layer.name: [spec.name for spec in layer.param] for layer in extended.net.layer}
    assert names["a"] == names["b"] == ["w", "b"]
    assert names["a_new"] == names["b_new"] == ["w_new", "b_new"]
    assert_preserved(siamese(), extended)


def test_a_copy_of_one_sharing_layer_reads_old_blobs_beside_the_path():
    extended = add_own_layers(*siamese(), ["b"], HEAD)
    assert path_of(extended)["b_new"] == ["a"]
    assert path_of(extended)["sum_new"] == ["b_new", "data"]
    assert_preserved(siamese(), extended)


def test_a_third_task_with_another_suffix(small_old):
    first = add_own_layers(*small_old, ["fc4"], HEAD)
    second = add_own_layers(first.net, first.weights, ["fc4"], TaskHead("fc_third", 4), suffix="_third")
    assert second.old_outputs == ("fc5", "fc_new")
    assert path_of(second)["fc_third"] == ["fc4_third"]
    assert_preserved((first.net, first.weights), second)


@pytest.mark.parametrize(
    ("layers", "head", "message"),
    [
        (["fc5"], HEAD, r"layer 'fc5' \(InnerProduct\): does not lead to 'fc4', which the new head reads"),
        (["fc4"], TaskHead("fc_new", 3, on=("pool3",)), "does not lead to 'pool3'"),
        (["relu4"], HEAD, r"layer 'relu4' \(ReLU\): has no weights"),
        ([], HEAD, "name at least one layer"),
        (["fc44"], HEAD, "no layer 'fc44'; did you mean 'fc4'"),
    ],
)
def test_what_cannot_be_own_is_refused(small_old, layers, head, message):
    with pytest.raises((SurgeryError, NetError), match=message):
        add_own_layers(*small_old, layers, head)


def test_a_taken_suffix_is_refused(small_old):
    first = add_own_layers(*small_old, ["fc4"], HEAD)
    with pytest.raises(SurgeryError, match="'fc4_new' already; give the new task's head and layers other names"):
        add_own_layers(first.net, first.weights, ["fc4"], TaskHead("fc_third", 3))


def test_a_head_alone_is_own_layers_without_layers(small_old):
    head, own = add_head(*small_old, HEAD, seed=5), add_own_layers(*small_old, ["fc4"], HEAD, seed=5)
    assert_same_bits(head.weights["fc_new"], own.weights["fc_new"])
