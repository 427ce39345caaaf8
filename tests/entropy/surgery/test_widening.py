"""New filters beside frozen ones, against plain loops."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from entropy.errors import SurgeryError
from entropy.surgery.heads import TaskHead
from entropy.surgery.own_layers import add_own_layers
from entropy.surgery.widening import widen
from prototxt.common.errors import NetError
from prototxt.formats.schema import FillerParameter
from prototxt.formats.text import parse_net
from prototxt.templates import read_template
from tests.entropy.surgery.old_nets import random_old, random_weights
from tests.entropy.surgery.proofs import (
    assert_preserved,
    assert_preserved_in_caffe,
    assert_same_bits,
    images,
    values,
)

HEAD = TaskHead("fc_new", 3)
ALL = {"conv1": 3, "conv2": 4, "conv3": 2}


def bottoms_of(extended):
    return {layer.name: list(layer.bottom) for layer in extended.net.layer if layer.name in extended.new_layers}


def lrn(blob, size, alpha, beta):
    """Across channels, by the definition (Krizhevsky et al. 2012)."""
    out = np.empty_like(blob)
    for channel in range(blob.shape[1]):
        near = blob[:, max(0, channel - size // 2) : channel + size // 2 + 1]
        out[:, channel] = blob[:, channel] / (1 + alpha / size * (near**2).sum(1)) ** beta
    return out


def by_hand(weights, batch):
    """What the new filters of the small net compute, in float64, layer by layer as the docstring says."""
    w = {name: [torch.from_numpy(blob.astype(np.float64)) for blob in blobs] for name, blobs in weights.items()}
    x = torch.from_numpy(batch.astype(np.float64))

    def conv(name, blob, **how):
        return F.conv2d(blob, *w[name], **how)

    def normalised(name, blob):
        mean, variance, factor = w[f"bn2{name}"]
        scale, bias = (each[:, None, None] for each in w[f"scale2{name}"])
        standard = (blob - (mean / factor)[:, None, None]) / (variance / factor + 1e-5)[:, None, None].sqrt()
        return (standard * scale + bias).relu()

    c1, n1 = (conv(name, x, stride=2, padding=1).relu() for name in ("conv1", "conv1_new"))
    old = torch.from_numpy(lrn(c1.numpy(), 3, 0.5, 0.75))
    new = torch.from_numpy(lrn(torch.cat([c1, n1], 1).numpy(), 3, 0.5, 0.75))[:, c1.shape[1] :]
    c2, n2 = conv("conv2", old, groups=2), conv("conv2_new", torch.cat([old, new], 1))
    c2, n2 = normalised("", c2), normalised("_new", n2)
    c3, n3 = conv("conv3", c2, padding=1), conv("conv3_new", torch.cat([c2, n2], 1), padding=1)
    c3, n3 = F.prelu(c3, w["prelu3"][0]), F.prelu(n3, w["prelu3_new"][0])
    p3, q3 = F.max_pool2d(c3, 2), F.max_pool2d(n3, 2)
    fc4 = F.linear(p3.flatten(1), *w["fc4"]).relu()
    scores = F.linear(torch.cat([p3.flatten(1), q3.flatten(1), fc4], 1), *w["fc_new"])
    return {"norm1_new": new, "conv2_new": n2, "pool3_new": q3, "fc_new": scores}


@pytest.mark.parametrize("copies", [{}, {"conv1": [7, 0, 3], "conv2": [1, 7, 3, 0], "conv3": [5, 5]}])
@pytest.mark.parametrize("extra", ["zero", "filler"])
def test_new_filters_against_plain_loops(small_old, copies, extra):
    extended = widen(*small_old, ALL, HEAD, copies=copies, extra=extra)
    batch = images(extended.net)
    expected = by_hand(extended.weights, batch)
    found = values(extended.net, extended.weights, list(expected), batch)
    for blob, reference in zip(found, expected.values(), strict=True):
        assert np.abs(blob).max() > 0
        np.testing.assert_allclose(blob, reference.numpy(), rtol=2e-4, atol=2e-5)


def test_copies_compute_at_first_what_the_old_filters_do(small_old):
    """Apart from LRN, whose neighbours differ: from conv2 on."""
    copies = {"conv2": [1, 7, 3, 0], "conv3": [5, 0, 5]}
    extended = widen(*small_old, {"conv2": 4, "conv3": 3}, HEAD, copies=copies, extra="zero")
    conv2, new2, pool3, new3 = values(
        extended.net, extended.weights, ["conv2", "conv2_new", "pool3", "pool3_new"], images(extended.net)
    )
    np.testing.assert_allclose(new2, conv2[:, [1, 7, 3, 0]], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(new3, pool3[:, [5, 0, 5]], rtol=1e-5, atol=1e-6)
    assert extended.copied_from == {"conv2_new": "conv2", "conv3_new": "conv3"}
    later = {"conv3_new", "prelu3_new", "fc_new"}  # what reads conv2_new has no weights on it yet
    assert_preserved(small_old, extended, later)


def test_copies_of_a_grouped_convolution_read_their_group_only(small_old):
    net, weights = small_old
    extended = widen(net, weights, {"conv1": 2, "conv2": 2}, HEAD, copies={"conv2": [1, 6]}, extra="zero")
    (filters, bias), (old, old_bias) = extended.weights["conv2_new"], weights["conv2"]
    assert filters.shape == (2, 10, 3, 3)
    assert_same_bits([filters[0, :4], filters[1, 4:8], bias], [old[1], old[6], old_bias[[1, 6]]])
    assert not filters[0, 4:].any()
    assert not filters[1, :4].any()
    assert not filters[:, 8:].any()
    filled = widen(net, weights, {"conv1": 2, "conv2": 2}, HEAD, copies={"conv2": [1, 6]})
    filters = filled.weights["conv2_new"][0]
    assert_same_bits([filters[0, :4]], [old[1]])
    assert filters[:, 8:].all()


def test_old_filters_never_read_new_ones_and_new_ones_read_both(small_old):
    extended = widen(*small_old, ALL, HEAD)
    bottoms = bottoms_of(extended)
    assert bottoms["conv1_new"] == ["data"]
    assert bottoms["conv2_in_new"] == ["norm1", "norm1_new"]
    assert bottoms["norm1_in_new"] == ["conv1", "conv1_new"]
    assert bottoms["conv3_in_new"] == ["conv2", "conv2_new"]
    assert bottoms["fc_new_in"] == ["fc_new_pool3", "fc_new_pool3_new", "fc4"]
    old = [layer for layer in extended.net.layer if layer.name not in extended.new_layers]
    assert not {blob for layer in old for blob in layer.bottom} & {
        top for layer in extended.net.layer if layer.name in extended.new_layers for top in layer.top
    }


def test_fully_connected_layers_are_widened_too(small_old):
    extended = widen(*small_old, {"conv3": 2, "fc4": 5}, HEAD, copies={"fc4": [0, 1, 2, 3, 4]}, extra="zero")
    assert bottoms_of(extended)["fc4_in_new"] == ["pool3", "pool3_new"]
    assert bottoms_of(extended)["fc_new_in"] == ["fc4", "fc4_new"]
    assert extended.weights["fc4_new"][0].shape == (5, (6 + 2) * 9)
    fc4, new = values(extended.net, extended.weights, ["fc4", "fc4_new"], images(extended.net))
    np.testing.assert_allclose(new, fc4[:, :5], rtol=1e-5, atol=1e-6)
    assert_preserved(small_old, extended, {"fc4_new", "fc_new"})


def test_numbers_and_shares(small_old):
    extended = widen(*small_old, {"conv3": 0.5, "conv2": 1.0}, HEAD)
    assert [extended.weights[f"{name}_new"][0].shape[0] for name in ("conv2", "conv3")] == [8, 3]


@pytest.mark.parametrize(
    ("filters", "head"),
    [
        (ALL, HEAD),
        ({"conv3": 2}, TaskHead("fc_new", 3, on=("pool3",))),
        ({"conv2": 4}, HEAD),
        ({"conv1": 1}, HEAD),
        ({"conv1": 1, "conv2": 1}, TaskHead("fc_new", 3, on=("conv2", "fc4"), dropout=0.5)),
    ],
)
def test_the_old_net_stays_to_the_bit(small_old, filters, head):
    assert_preserved(small_old, widen(*small_old, filters, head))


def test_the_bundled_net_stays_to_the_bit(indoor39):
    copies = {"conv5": list(range(165)), "conv4": list(range(64))}
    extended = widen(*indoor39, {"conv5": 165, "conv4": 64}, TaskHead("fc8_new", 96), copies=copies)
    head = 96 * (2304 + 165 * 9 + 512) + 96
    assert extended.parameters_added == 64 * 384 * 9 + 64 + 165 * (256 + 64) * 9 + 165 + head
    assert_preserved(indoor39, extended)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_random_nets_layers_and_copies(seed, data):
    net, weights = random_old(seed)
    units = {layer.name: len(weights[layer.name][0]) for layer in net.layer if layer.type == "Convolution"}
    chosen = data.draw(st.lists(st.sampled_from(list(units)), min_size=1, unique=True))
    filters = {name: data.draw(st.integers(1, 3)) for name in chosen}
    copied = data.draw(st.lists(st.sampled_from(chosen), unique=True))
    copies = {name: [data.draw(st.integers(0, units[name] - 1)) for _ in range(filters[name])] for name in copied}
    extended = widen(net, weights, filters, TaskHead("new", 3), copies=copies)
    assert_preserved((net, weights), extended)
    third = widen(extended.net, extended.weights, filters, TaskHead("third", 2), suffix="_third")
    assert_preserved((extended.net, extended.weights), third)


@pytest.mark.caffe
@pytest.mark.parametrize(
    ("filters", "copies"), [(ALL, {}), (ALL, {"conv2": [0, 1, 6, 7]}), ({"conv3": 2, "fc4": 3}, {})]
)
def test_real_caffe(small_old, filters, copies, real_caffe, tmp_path):
    assert_preserved_in_caffe(real_caffe, small_old, widen(*small_old, filters, HEAD, copies=copies), tmp_path)


@pytest.mark.caffe
def test_real_caffe_on_the_bundled_net(indoor39, real_caffe, tmp_path):
    extended = widen(*indoor39, {"conv5": 40, "conv4": 16}, TaskHead("fc8_new", 96))
    assert_preserved_in_caffe(real_caffe, indoor39, extended, tmp_path)


# -- further tasks ---------------------------------------------------------------------------------------------------


def test_a_third_tasks_filters_read_all_older_ones(small_old):
    second = widen(*small_old, ALL, HEAD)
    third = widen(second.net, second.weights, {"conv2": 3, "conv3": 1}, TaskHead("fc_third", 3), suffix="_third")
    bottoms = bottoms_of(third)
    assert bottoms["conv2_in_third"] == ["norm1", "norm1_new"]
    assert bottoms["conv3_in_third"] == ["conv2", "conv2_new", "conv2_third"]
    assert bottoms["fc_third_in"] == ["fc_third_pool3", "fc_third_pool3_new", "fc_third_pool3_third", "fc4"]
    assert third.old_outputs == ("fc5", "fc_new")
    assert not any(name.endswith("_third") for layer in second.net.layer for name in (layer.name, *layer.bottom))
    assert_preserved((second.net, second.weights), third)


def test_own_layers_of_an_earlier_task_are_older_filters_too(small_old):
    second = add_own_layers(*small_old, ["conv3"], TaskHead("fc_new", 3, on=("pool3",)))
    third = widen(second.net, second.weights, {"conv3": 1}, TaskHead("fc_third", 3), suffix="_third")
    assert bottoms_of(third)["fc_third_in"] == ["fc_third_pool3", "fc_third_pool3_new", "fc_third_pool3_third", "fc4"]


@pytest.mark.caffe
def test_a_third_task_in_real_caffe(small_old, real_caffe, tmp_path):
    second = widen(*small_old, ALL, HEAD)
    third = widen(second.net, second.weights, {"conv1": 2, "conv3": 1}, TaskHead("fc_third", 3), suffix="_third")
    assert_preserved_in_caffe(real_caffe, (second.net, second.weights), third, tmp_path)


# -- nets with branches ----------------------------------------------------------------------------------------------


def forward_alike(net, weights, extended):
    batch = images(net)
    before = values(net, weights, [extended.old_output], batch)
    after = values(extended.net, extended.weights, [extended.old_output, extended.new_output], batch)
    assert_same_bits(before, after[:1])
    assert after[1].any()


def test_inception_modules_whose_layers_have_names_that_begin_alike():
    """``inception_5b/3x3_reduce`` is no earlier task's neighbour of ``inception_5b/3x3``."""
    net = read_template("googlenet")
    net.layer[0].input_param.shape[0].dim[0] = 1
    weights = random_weights(net)
    filters = {"inception_5b/1x1": 3, "inception_5b/3x3_reduce": 2, "inception_5b/3x3": 4}
    extended = widen(net, weights, filters, TaskHead("new", 3), copies={"inception_5b/3x3": [0, 5, 9, 9]})
    bottoms = bottoms_of(extended)
    assert bottoms["inception_5b/3x3_in_new"] == ["inception_5b/3x3_reduce", "inception_5b/3x3_reduce_new"]
    assert bottoms["inception_5b/1x1_new"] == ["inception_5a/output"]
    assert bottoms["inception_5b/output_new"] == ["inception_5b/1x1_new", "inception_5b/3x3_new"]
    forward_alike(net, weights, extended)
    third = widen(extended.net, extended.weights, filters, TaskHead("third", 3), suffix="_third")
    assert bottoms_of(third)["inception_5b/3x3_in_third"] == [
        "inception_5b/3x3_reduce", "inception_5b/3x3_reduce_new", "inception_5b/3x3_reduce_third"
    ]  # fmt: skip
    forward_alike(extended.net, extended.weights, third)


RESIDUAL = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 8 dim: 8 } } }
layer { name: "a" type: "Convolution" bottom: "data" top: "a"
        convolution_param { num_output: 4 kernel_size: 3 pad: 1 } }
layer { name: "b" type: "Convolution" bottom: "a" top: "b"
        convolution_param { num_output: 4 kernel_size: 3 pad: 1 } }
layer { name: "sum" type: "Eltwise" bottom: "a" bottom: "b" top: "sum" }
layer { name: "bn" type: "BatchNorm" bottom: "sum" top: "sum" }
layer { name: "relu" type: "ReLU" bottom: "sum" top: "sum" relu_param { negative_slope: 0.1 } }
layer { name: "cut" type: "Crop" bottom: "sum" bottom: "small" top: "cut" }
layer { name: "flat" type: "Flatten" bottom: "cut" top: "flat" }
layer { name: "scale" type: "Scale" bottom: "flat" top: "flat" }
layer { name: "fc" type: "InnerProduct" bottom: "flat" top: "fc" inner_product_param { num_output: 4 } }
"""
SMALLER = """
layer { name: "small" type: "Pooling" bottom: "data" top: "small" pooling_param { kernel_size: 3 } }
"""


def residual():
    head, body = RESIDUAL.split('layer { name: "a"', 1)
    net = parse_net(head + SMALLER + 'layer { name: "a"' + body)
    return net, random_weights(net)


def test_sums_crops_and_flattened_maps():
    net, weights = residual()
    copies = {"a": [3, 1], "b": [3, 1]}
    extended = widen(net, weights, {"a": 2, "b": 2}, TaskHead("new", 3), copies=copies, extra="zero")
    assert bottoms_of(extended)["sum_new"] == ["a_new", "b_new"]
    assert bottoms_of(extended)["cut_new"] == ["sum_new", "small"]
    flat, new = values(extended.net, extended.weights, ["flat", "flat_new"], images(net))
    np.testing.assert_allclose(new, flat.reshape(2, 4, -1)[:, [3, 1]].reshape(2, -1), rtol=1e-4, atol=1e-5)
    assert_preserved((net, weights), extended)
    assert_preserved((net, weights), widen(net, weights, {"a": 2, "b": 2}, TaskHead("new", 3)))


def test_where_new_filters_end_the_head_reads_them():
    """A sum with what has no new filters ends their way."""
    extended = widen(*residual(), {"b": 2}, TaskHead("new", 3))
    assert bottoms_of(extended)["new_in"] == ["new_b", "new_b_new", "flat"]
    assert_preserved(residual(), extended)


# -- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "how", "message"),
    [
        ({}, {}, "name at least one layer"),
        ({"relu1": 2}, {}, r"layer 'relu1' \(ReLU\): has no filters to choose"),
        ({"conv1": 0}, {}, "at least 1, or a share above 0; got 0"),
        ({"conv1": -0.5}, {}, "at least 1, or a share above 0; got -0.5"),
        ({"conv4": 1}, {}, "no layer 'conv4'; did you mean"),
        ({"conv1": 2}, {"copies": {"conv1": [1]}}, "2 new filters need 2 filters to be copies of, from 0 to 7; got 1"),
        ({"conv1": 2}, {"copies": {"conv1": [1, 8]}}, "from 0 to 7; got 2 from 0 to 8"),
        ({"conv1": 2}, {"copies": {"conv2": [1]}}, "copies of its filters are wanted, but it is not widened"),
        ({"conv1": 2}, {"suffix": "2"}, "an underscore and a word"),
        ({"conv1": 2}, {"filler": FillerParameter(type="glorot")}, "unknown filler type 'glorot'"),
    ],
)
def test_what_cannot_be_widened(small_old, filters, how, message):
    with pytest.raises((SurgeryError, NetError), match=message):
        widen(*small_old, filters, HEAD, **how)


def test_new_filters_that_nothing_reads(small_old):
    message = r"'conv2' are read by nothing behind 'conv2' \(layer 'conv3' \(Convolution\) follows.*: widen a layer"
    with pytest.raises(SurgeryError, match=message):
        widen(*small_old, {"conv2": 2}, TaskHead("fc_new", 3, on=("pool3", "fc4")))


def test_layers_of_later_tasks_are_not_widened(small_old):
    second = widen(*small_old, ALL, HEAD)
    with pytest.raises(SurgeryError, match="'conv2_new' does not lead to the first task's class scores 'fc5'"):
        widen(second.net, second.weights, {"conv2_new": 1}, TaskHead("fc_third", 3), suffix="_third")
