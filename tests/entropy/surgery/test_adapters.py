"""Factors and offsets of the new task behind frozen filters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entropy.errors import SurgeryError
from entropy.surgery.adapters import add_adapters
from entropy.surgery.heads import TaskHead
from tests.entropy.surgery.old_nets import random_old
from tests.entropy.surgery.proofs import (
    assert_preserved,
    assert_preserved_in_caffe,
    assert_same_bits,
    images,
    values,
)

HEAD = TaskHead("fc_new", 3)
WIDE = TaskHead("fc_new", 3, on=("pool3", "fc4"))


def bottoms_of(extended):
    return {layer.name: list(layer.bottom) for layer in extended.net.layer if layer.name in extended.new_layers}


def test_everything_from_the_first_adapter_on_is_there_twice_and_shares_its_weights(small_old):
    extended = add_adapters(*small_old, ["conv1", "conv3"], HEAD)
    learning = [name for name, rate in extended.rates.items() if rate]
    assert learning == ["conv1_adapter_new", "conv3_adapter_new", "fc_new"]
    assert extended.shared == {f"{name}_new" for name in ("conv1", "conv2", "bn2", "scale2", "conv3", "prelu3", "fc4")}
    assert extended.parameters_added == 2 * 8 + 2 * 6 + 3 * 12 + 3
    assert bottoms_of(extended)["conv2_new"] == ["norm1_new"]
    layers = {layer.name: layer for layer in extended.net.layer}
    assert [(spec.lr_mult, spec.decay_mult) for spec in layers["conv1_adapter_new"].param] == [(1, 0), (1, 0)]


def test_below_the_first_adapter_nothing_is_computed_twice(small_old):
    extended = add_adapters(*small_old, ["conv3"], HEAD)
    assert "conv2_new" not in extended.new_layers
    assert bottoms_of(extended)["conv3_new"] == ["conv2"]


def test_a_layer_whose_output_stays_is_not_computed_twice(small_old):
    net, weights = small_old
    apart = type(net)()
    apart.CopyFrom(net)
    layers = {layer.name: layer for layer in apart.layer}
    layers["relu4"].top[0] = layers["drop4"].bottom[0] = layers["drop4"].top[0] = layers["fc5"].bottom[0] = "act4"
    extended = add_adapters(apart, weights, ["fc4"], HEAD)
    assert bottoms_of(extended)["fc4_adapter_new"] == ["fc4"]
    assert "fc4_new" not in extended.new_layers
    assert_preserved((apart, weights), extended)


def test_before_training_the_new_path_computes_what_the_old_one_does(small_old):
    extended = add_adapters(*small_old, ["conv1", "conv2", "fc4"], HEAD)
    found = values(extended.net, extended.weights, ["conv3", "conv3_new", "fc4", "fc4_new"], images(extended.net))
    assert_same_bits(found[::2], found[1::2])


def test_factors_and_offsets_act_on_the_filters_before_the_activation(small_old):
    net, weights = small_old
    extended = add_adapters(net, weights, ["fc4"], HEAD)
    factors, offsets = np.linspace(-1, 2, 12, dtype=np.float32), np.linspace(1, -1, 12, dtype=np.float32)
    changed = extended.weights | {"fc4_adapter_new": [factors, offsets]}
    pool, new = values(extended.net, changed, ["pool3", "fc4_new"], images(net))
    inner = pool.reshape(len(pool), -1) @ weights["fc4"][0].T + weights["fc4"][1]
    np.testing.assert_allclose(new, np.maximum(factors * inner + offsets, 0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("layers", "head"), [(["conv1"], HEAD), (["conv2", "conv3"], WIDE), (["fc4"], HEAD), (["conv1", "fc4"], WIDE)]
)
def test_the_old_net_stays_to_the_bit(small_old, layers, head):
    assert_preserved(small_old, add_adapters(*small_old, layers, head))


@pytest.mark.parametrize("layers", [["conv1", "conv2", "conv3", "conv4", "conv5"], ["conv5"]])
def test_the_bundled_net_stays_to_the_bit(indoor39, layers):
    assert_preserved(indoor39, add_adapters(*indoor39, layers, TaskHead("fc8_new", 96)))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_random_nets_and_layers(seed, data):
    net, weights = random_old(seed)
    filters = [layer.name for layer in net.layer if layer.type in ("Convolution", "InnerProduct")][:-1]
    chosen = data.draw(st.lists(st.sampled_from(filters), min_size=1, unique=True))
    assert_preserved((net, weights), add_adapters(net, weights, chosen, TaskHead("new", 3)))


@pytest.mark.caffe
@pytest.mark.parametrize(("layers", "head"), [(["conv1", "conv3"], WIDE), (["fc4"], HEAD)])
def test_real_caffe(small_old, layers, head, real_caffe, tmp_path):
    assert_preserved_in_caffe(real_caffe, small_old, add_adapters(*small_old, layers, head), tmp_path)


@pytest.mark.caffe
def test_real_caffe_on_the_bundled_net(indoor39, real_caffe, tmp_path):
    extended = add_adapters(*indoor39, ["conv1", "conv5"], TaskHead("fc8_new", 96, on=("pool5", "fc7")))
    assert_preserved_in_caffe(real_caffe, indoor39, extended, tmp_path)


def test_a_third_task_with_another_suffix(small_old):
    first = add_adapters(*small_old, ["conv2"], HEAD)
    second = add_adapters(first.net, first.weights, ["conv2"], TaskHead("fc_third", 4), suffix="_third")
    assert_preserved((first.net, first.weights), second)


@pytest.mark.parametrize(
    ("layers", "message"),
    [(["relu1"], r"layer 'relu1' \(ReLU\): has no filters"), (["fc5"], "does not lead to 'fc4'")],
)
def test_what_has_no_filters_on_the_path_is_refused(small_old, layers, message):
    with pytest.raises(SurgeryError, match=message):
        add_adapters(*small_old, layers, HEAD)
