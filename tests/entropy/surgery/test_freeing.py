"""Filters taken from the old task and given to the new one, and the repair before it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entropy.errors import SurgeryError
from entropy.surgery.extended import Extended
from entropy.surgery.freeing import free_filters
from entropy.surgery.heads import TaskHead
from entropy.surgery.repairing import prepare_repair
from prototxt.common.errors import NetError
from prototxt.formats.text import parse_net
from prototxt.lint import lint_net
from prototxt.net.graph import NetGraph
from prototxt.split.layouts import filter_rows
from tests.entropy.surgery.old_nets import random_old, random_weights
from tests.entropy.surgery.proofs import (
    assert_same_bits,
    caffe_values,
    gradients,
    images,
    trained,
    trained_by_caffe,
    values,
)

HEAD = TaskHead("fc_new", 3)
FREE = {"conv2": [0, 5, 6], "conv3": [1, 2]}


def rows_of(net, name, weights):
    layer = next(layer for layer in net.layer if layer.name == name)
    return filter_rows(layer, weights[name])


def assert_freed(net, freed, after, outputs):
    """After training: freed rows have moved, all others are those of the cut net, and so are the old outputs.

    ``outputs`` gives the old class scores for weights.
    """
    for name, blobs in freed.weights.items():
        rate = freed.rates[name]
        if name in freed.new_layers:
            continue
        if not isinstance(rate, np.ndarray):
            assert_same_bits(blobs, after[name])
            continue
        for before, now in zip(rows_of(net, name, freed.weights), rows_of(net, name, after), strict=True):
            assert before[rate == 0].tobytes() == now[rate == 0].tobytes()
        assert all((before[rate > 0] != now[rate > 0]).any() for before, now in
                   zip(rows_of(net, name, freed.weights)[:1], rows_of(net, name, after)[:1], strict=True))  # fmt: skip
    assert_same_bits(outputs(freed.weights), outputs(after))


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("filters", [FREE, {"conv2": [3]}, {"conv3": [0]}, {"conv3": [0, 5], "fc4": [1, 2, 11]}])
def test_whatever_freed_filters_learn_the_old_outputs_stay(small_old, filters, fresh):
    net, weights = small_old
    freed = free_filters(net, weights, filters, HEAD, fresh=fresh)
    assert lint_net(freed.net) == []
    assert [layer for layer in freed.net.layer if layer.name not in freed.new_layers] == list(net.layer)
    learning = {name for name, rate in freed.rates.items() if np.any(rate)}
    assert learning >= {*filters, "fc_new"}
    assert gradients(freed) == learning
    batch = images(net)
    assert_freed(net, freed, trained(freed), lambda each: values(freed.net, each, ["fc5", "prob"], batch))


def test_what_stays_reads_nothing_that_is_freed(small_old):
    """Rows of noise in place of the freed ones: the old outputs are those of the cut net."""
    net, weights = small_old
    freed = free_filters(net, weights, FREE, HEAD)
    noise = {name: [blob.copy() for blob in blobs] for name, blobs in freed.weights.items()}
    for name, filters in FREE.items():
        noise[name][0][filters] = 100
    batch = images(net)
    before, after = (values(freed.net, each, ["fc5", "fc_new"], batch) for each in (freed.weights, noise))
    assert_same_bits(before[:1], after[:1])
    assert (before[1] != after[1]).any()


def test_exactly_what_others_read_from_freed_filters_is_cut(small_old):
    net, weights = small_old
    freed = free_filters(net, weights, FREE, HEAD)
    conv3, fc4 = (weights[name][0].copy() for name in ("conv3", "fc4"))
    conv3[np.ix_([0, 3, 4, 5], FREE["conv2"])] = 0
    fc4.reshape(12, 6, 9)[:, FREE["conv3"]] = 0
    assert_same_bits([conv3, fc4, weights["conv2"][0]], [freed.weights[name][0] for name in ("conv3", "fc4", "conv2")])
    assert freed.cut == {"conv3": 4 * 3 * 9, "fc4": 12 * 2 * 9}
    assert freed.freed == {"conv2": (0, 5, 6), "conv3": (1, 2)}
    assert "fc4: 216 weights on freed filters are cut to zero" in freed.notes
    assert list(freed.multipliers) == ["conv2", "conv3"]
    assert_same_bits([freed.rates["scale2"], freed.rates["prelu3"]], [freed.rates["conv2"], freed.rates["conv3"]])
    assert freed.rates["bn2"] == 0


def test_groups_of_a_reading_convolution():
    net = parse_net("""
        layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 2 dim: 5 dim: 5 } } }
        layer { name: "a" type: "Convolution" bottom: "data" top: "a"
                convolution_param { num_output: 6 kernel_size: 3 } }
        layer { name: "b" type: "Convolution" bottom: "a" top: "b"
                convolution_param { num_output: 4 kernel_size: 2 group: 2 } }
        layer { name: "c" type: "InnerProduct" bottom: "b" top: "c"
                inner_product_param { num_output: 3 transpose: true } }""")
    weights = random_weights(net)
    freed = free_filters(net, weights, {"a": [1, 5], "b": [0]}, HEAD)
    expected = weights["b"][0].copy()
    expected[1, 1] = expected[2:, 2] = 0  # filter 0 is free; channel 5 is the last of the second group
    cut = weights["c"][0].copy()
    cut[:4] = 0
    assert_same_bits([expected, cut], [freed.weights["b"][0], freed.weights["c"][0]])
    batch = images(net)
    assert_freed(net, freed, trained(freed), lambda each: values(freed.net, each, ["c"], batch))


def test_fresh_filters_start_from_the_filler_and_what_follows_them_at_nothing(small_old):
    net, weights = small_old
    freed = free_filters(net, weights, FREE, HEAD, fresh=True, seed=3)
    free, rest = FREE["conv2"], [1, 2, 3, 4, 7]
    limit = np.sqrt(3 / (4 * 9))
    assert np.abs(freed.weights["conv2"][0][free]).max() <= limit
    assert not freed.weights["conv2"][1][free].any()
    mean, variance, factor = freed.weights["bn2"]
    assert (mean[free] == 0).all()
    assert (variance[free] == factor).all()
    assert (freed.weights["scale2"][0][free] == 1).all()
    for name in ("conv2", "bn2", "scale2"):
        for old, new in zip(rows_of(net, name, weights), rows_of(net, name, freed.weights), strict=True):
            assert old[rest].tobytes() == new[rest].tobytes()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_random_nets_and_filters(seed, data):
    net, weights = random_old(seed)
    across = [place for place, each in enumerate(net.layer) if each.type == "LRN" and not each.lrn_param.norm_region]
    layers = [layer for layer in net.layer[max(across, default=0) :] if layer.type in ("Convolution", "InnerProduct")]
    names = [layer.name for layer in layers[:-1]]
    if not names:
        return
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    filters = {
        name: data.draw(st.lists(st.integers(0, len(weights[name][0]) - 1), min_size=1, max_size=3, unique=True))
        for name in chosen
    }
    freed = free_filters(net, weights, filters, TaskHead("new", 3), fresh=data.draw(st.booleans()))
    assert set(filters) | {"new"} <= gradients(freed) <= {name for name, rate in freed.rates.items() if np.any(rate)}
    batch = images(net)
    assert_freed(net, freed, trained(freed), lambda each: values(freed.net, each, ["scores"], batch))


@pytest.mark.caffe
@pytest.mark.parametrize("filters", [FREE, {"conv3": [0, 5], "fc4": [1, 2, 11]}])
def test_real_caffe(small_old, filters, real_caffe, tmp_path):
    net, weights = small_old
    freed = free_filters(net, weights, filters, HEAD, fresh=True)
    batch = images(net)

    def outputs(each):
        return caffe_values(real_caffe, freed.net, each, ["fc5", "prob"], batch, tmp_path)

    assert_freed(net, freed, trained_by_caffe(real_caffe, freed, tmp_path), outputs)


@pytest.mark.caffe
def test_real_caffe_on_the_bundled_net(indoor39, real_caffe, tmp_path):
    net, weights = indoor39
    freed = free_filters(net, weights, {"conv5": list(range(100)), "fc6": [3, 511]}, TaskHead("fc8_new", 96))
    assert freed.cut["fc6"] == np.count_nonzero(np.delete(weights["fc6"][0][:, : 100 * 9], [3, 511], axis=0))
    batch = images(net)

    def outputs(each):
        return caffe_values(real_caffe, freed.net, each, ["fc8"], batch, tmp_path)

    assert_freed(net, freed, trained_by_caffe(real_caffe, freed, tmp_path), outputs)


# -- repair ---------------------------------------------------------------------------------------------------------


def as_extended(repair) -> Extended:
    """A repair is a training of the old net for its own head."""
    return Extended(repair.net, repair.weights, ("fc5",), "fc5", repair.rates, ())


@pytest.mark.parametrize("filters", [FREE, {"conv3": [0, 5], "fc4": [1, 2, 11]}])
def test_in_the_repair_silent_filters_stay_silent_and_cut_weights_stay_cut(small_old, filters):
    net, weights = small_old
    repair = prepare_repair(net, weights, filters)
    assert_repaired(net, weights, filters, repair, trained(as_extended(repair)))


@pytest.mark.caffe
def test_the_repair_in_real_caffe(small_old, real_caffe, tmp_path):
    net, weights = small_old
    repair = prepare_repair(net, weights, FREE)
    assert_repaired(net, weights, FREE, repair, trained_by_caffe(real_caffe, as_extended(repair), tmp_path))


def assert_repaired(net, weights, filters, repair, after):
    batch = images(net)
    blobs = {"conv2": "conv2", "conv3": "conv3", "fc4": "fc4"}
    for name, free in filters.items():
        for each in (repair.weights, after):
            (blob,) = values(net, each, [blobs[name]], batch)
            assert not blob[:, free].any()
    repaired = repair.finish(after)
    freed = free_filters(net, repaired, filters, HEAD)
    assert set(freed.cut.values()) == {0}  # nothing is cut any more: the repaired outputs are kept to the bit
    assert_same_bits(values(net, repaired, ["fc5"], batch), values(freed.net, freed.weights, [freed.old_output], batch))
    assert_same_bits(values(net, after, ["fc5"], batch), values(net, repaired, ["fc5"], batch))
    for name, free in filters.items():
        for old, now in zip(rows_of(net, name, weights), rows_of(net, name, repaired), strict=True):
            assert old[free].tobytes() == now[free].tobytes()
        rest = [unit for unit in range(len(weights[name][0])) if unit not in free]
        assert (after[name][0][rest] != weights[name][0][rest]).any()


def test_a_repair_that_moved_silent_filters_is_refused(small_old):
    repair = prepare_repair(*small_old, FREE)
    everything = replace(as_extended(repair), rates=dict.fromkeys(repair.rates, 1.0) | {"bn2": 0.0})
    with pytest.raises(SurgeryError, match="filters that were to stay silent have moved"):
        repair.finish(trained(everything))


# -- refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "head", "message"),
    [
        ({}, HEAD, "name at least one filter to free"),
        ({"conv1": [0]}, HEAD, r"layer 'norm1' \(LRN\): mixes the channels of its bottom"),
        ({"conv2": [8]}, HEAD, "different numbers from 0 to 7"),
        ({"conv2": [1, 1]}, HEAD, "different numbers from 0 to 7"),
        ({"conv3": range(6)}, HEAD, "all 6 filters would be free"),
        ({"fc5": [0]}, HEAD, "would change the old class scores 'fc5'"),
        ({"relu1": [0]}, HEAD, "only Convolution and InnerProduct layers"),
        ({"conv4": [0]}, HEAD, "no layer 'conv4'"),
        ({"conv3": [0]}, TaskHead("new", 2, on=("fc4",)), "would be read by nothing behind 'pool3'"),
    ],
)
def test_what_cannot_be_freed(small_old, filters, head, message):
    with pytest.raises((SurgeryError, NetError), match=message):
        free_filters(*small_old, filters, head)


BRANCHES = """
layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 2 dim: 4 dim: 5 dim: 5 }} }} }}
layer {{ name: "a" type: "Convolution" bottom: "data" top: "a" convolution_param {{ num_output: 4 kernel_size: 1 }} }}
layer {{ name: "b" type: "Convolution" bottom: "data" top: "b" convolution_param {{ num_output: 4 kernel_size: 1 }} }}
{}
layer {{ name: "fc" type: "InnerProduct" bottom: "both" top: "fc" inner_product_param {{ num_output: 3 }} }}
"""


def branches(layer):
    net = parse_net(BRANCHES.format(layer))
    return net, random_weights(net)


def test_sums_need_the_same_filters_free_in_every_summand():
    old = branches('layer { name: "both" type: "Eltwise" bottom: "a" bottom: "b" top: "both" }')
    with pytest.raises(SurgeryError, match="free the same ones before each bottom"):
        free_filters(*old, {"a": [1]}, HEAD)
    freed = free_filters(*old, {"a": [1], "b": [1]}, HEAD)
    batch = images(old[0])
    assert_freed(old[0], freed, trained(freed), lambda each: values(freed.net, each, ["fc"], batch))


@pytest.mark.parametrize(
    "layer",
    [
        'layer { name: "both" type: "Concat" bottom: "a" bottom: "b" top: "both" }',
        """layer { name: "s" type: "Slice" bottom: "b" top: "b1" top: "b2" }
           layer { name: "f" type: "Flatten" bottom: "b2" top: "f" }
           layer { name: "g" type: "Flatten" bottom: "a" top: "g" }
           layer { name: "hidden" type: "Silence" bottom: "b1" }
           layer { name: "both" type: "Concat" bottom: "g" bottom: "f" top: "both" }""",
        """layer { name: "small" type: "Pooling" bottom: "data" top: "small" pooling_param { kernel_size: 2 } }
           layer { name: "unused" type: "Silence" bottom: "a" }
           layer { name: "both" type: "Crop" bottom: "b" bottom: "small" top: "both" crop_param { axis: 2 } }""",
    ],
)
def test_channels_are_followed_through_branches(layer):
    net, weights = branches(layer)
    freed = free_filters(net, weights, {"b": [0, 3]}, HEAD)
    batch = images(net)
    assert_freed(net, freed, trained(freed), lambda each: values(freed.net, each, ["fc"], batch))
    assert sum(freed.cut.values()) > 0


def test_layers_that_are_not_silent_at_zero_cannot_be_repaired():
    old = branches('layer { name: "both" type: "Sigmoid" bottom: "b" top: "both" }')
    free_filters(*old, {"b": [0]}, HEAD)
    with pytest.raises(SurgeryError, match=r"layer 'both' \(Sigmoid\): gives something else than 0"):
        prepare_repair(*old, {"b": [0]})


def test_shared_parameters_cannot_be_freed():
    shared = """layer { name: "c" type: "Convolution" bottom: "b" top: "c" param { name: "w" }
                convolution_param { num_output: 4 kernel_size: 1 } }
                layer { name: "both" type: "Convolution" bottom: "c" top: "both" param { name: "w" }
                convolution_param { num_output: 4 kernel_size: 1 } }"""
    with pytest.raises(SurgeryError, match="or parameters that it shares"):
        free_filters(*branches(shared), {"b": [0]}, HEAD)


def test_the_old_net_is_left_as_it_is(small_old):
    net, weights = small_old
    before = {name: [blob.copy() for blob in blobs] for name, blobs in weights.items()}
    free_filters(net, weights, FREE, HEAD, fresh=True)
    prepare_repair(net, weights, FREE)
    for name, blobs in weights.items():
        assert_same_bits(before[name], blobs)
    assert len(NetGraph(net).layers) == len(net.layer)
