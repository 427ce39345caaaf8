"""Receptive fields against regions measured by pushing one pixel at a time through the net, and known numbers."""

from __future__ import annotations

import functools
import time
from itertools import pairwise, product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prototxt.common.errors import NetError
from prototxt.net.build import input_layer, layer, net
from prototxt.net.graph import NetGraph, Value
from prototxt.net.receptive_field import receptive_fields
from prototxt.net.shapes import infer_shapes
from prototxt.templates import TEMPLATES, read_template
from tests.prototxt.net.reach import gradient_reach, measured_reach
from tests.prototxt.random_nets import SPATIAL_MAKERS, random_net


def fields_of(name):
    message = read_template(name)
    return {str(value): field for value, field in receptive_fields(message).items()}


@pytest.mark.parametrize(
    ("name", "blob", "size", "stride"),
    [
        ("alexnet", "conv1", 11, 4),
        ("alexnet", "conv5", 163, 16),
        ("caffenet", "conv2", 51, 8),
        ("caffenet", "conv3", 99, 16),
        ("caffenet", "conv4", 131, 16),
        ("caffenet", "pool5", 195, 32),
        ("vgg16", "conv5_3", 196, 16),
        ("vgg16", "pool5", 212, 32),
        ("googlenet", "inception_5b/output", 715, 32),
        ("googlenet", "pool5/7x7_s1", 907, 32),
        ("resnet50", "res5c", 483, 32),
        ("resnet152", "res5c", 1507, 32),
        ("alexnet", "fc6", 227, 0),
        ("squeezenet", "pool10", 227, 0),
    ],
)
def test_known_fields(name, blob, size, stride):
    field = fields_of(name)[blob]
    assert field.size == (size, size)
    assert field.stride == (stride, stride)


def test_box_moves_by_the_stride_and_is_cut_at_the_border():
    field = fields_of("alexnet")["conv5"]
    assert field.start == (-64, -64)
    assert field.box((0, 12)) == (-64, 128, 99, 291)
    assert field.box((0, 12), clip=True) == (0, 128, 99, 227)
    with pytest.raises(IndexError, match="0 … 12"):
        field.box((13, 0))
    with pytest.raises(IndexError):
        field.box(())


def assert_exact(message):
    graph = NetGraph(message)
    shapes = infer_shapes(graph)
    fields = receptive_fields(graph, shapes)
    axes = len(shapes.values[graph.inputs[0]]) - 2
    for value, reach in measured_reach(graph, shapes).items():
        spatial = shapes.values[value][2:]
        for position in product(*(range(length) for length in spatial)):
            expected = hull(reach[(..., *position)])
            if expected is None:
                continue
            assert fields[value].box(position, clip=True) == expected, f"{value} at {position} of\n{message}"
            nominal = fields[value].box(position)
            assert all(start <= seen for start, seen in zip(nominal[:axes], expected[:axes], strict=True))
            assert all(end >= seen for end, seen in zip(nominal[axes:], expected[axes:], strict=True))


def hull(seen):
    """All starts, then all ends, of the half-open box around what is True; None for nothing."""
    places = np.nonzero(seen)
    if not len(places[0]):
        return None
    return (*(int(along.min()) for along in places), *(int(along.max()) + 1 for along in places))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.sampled_from([(1, 2, 9, 8), (1, 1, 12, 5), (1, 2, 6, 13)]))
def test_fields_are_what_can_be_measured(seed, shape):
    # The interpreter has its pixels along the batch axis, so nothing may mix that axis with others.
    assert_exact(random_net(Random(seed), MEASURABLE, shape, layers=8))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.sampled_from([(1, 2, 30), (1, 1, 4, 6, 5)]))
def test_fields_of_sequences_and_volumes_are_what_can_be_measured(seed, shape):
    assert_exact(random_net(Random(seed), ANY_AXES, shape, layers=8))


@pytest.mark.parametrize(
    ("name", "blob"), [("alexnet", "pool5"), ("googlenet", "inception_5b/output"), ("resnet152", "res5c")]
)
def test_deep_nets_by_gradients(name, blob):
    message = read_template(name)
    message.layer[0].input_param.shape[0].dim[0] = 1
    for each in message.layer:  # one channel everywhere: the field is the same, the time is not
        if each.type == "Convolution":
            each.convolution_param.num_output = each.convolution_param.group = 1
    graph = NetGraph(message)
    shapes = infer_shapes(graph)
    field = receptive_fields(graph, shapes)[graph.value(blob)]
    last = shapes.blob(blob)[2] - 1
    for position in [(0, 0), (0, last), (last // 2, last // 2 + 1), (last, last)]:
        assert field.box(position, clip=True) == hull(gradient_reach(graph, shapes, graph.value(blob), position))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(0, 4), st.integers(1, 3)), max_size=6))
def test_chains_follow_the_closed_form(windows):
    layers, bottom, size, stride, start = [], "data", 1, 1, 0
    for number, (kernel, step, pad, dilation) in enumerate(windows):
        param = {"num_output": 1, "kernel_size": [kernel], "stride": [step], "pad": [pad], "dilation": [dilation]}
        layers.append(layer("Convolution", f"c{number}", bottom, convolution_param=param))
        bottom = f"c{number}"
        start -= pad * stride
        size += dilation * (kernel - 1) * stride
        stride *= step
    message = net("chain", [input_layer("data", (1, 1, 500, 3000)), *layers])
    try:
        infer_shapes(message)
    except NetError:
        return
    field = receptive_fields(message)[Value(bottom)]
    assert (field.size, field.stride, field.start) == ((size,) * 2, (stride,) * 2, (start,) * 2)
    assert field.box((0, 0)) == (start, start, start + size, start + size)


def reshape_behind_batch(rng, name, bottoms):
    dims = rng.choice([[0, -1, 0, 0], [0, 0, -1], [0, 2, -1, 0, 0], [0, 1, 0, -1]])
    return layer("Reshape", name, bottoms[0], reshape_param={"shape": {"dim": dims}})


def concat_channels(rng, name, bottoms):
    return layer("Concat", name, bottoms)


def scale_from_batch(rng, name, bottoms):
    return layer("Scale", name, bottoms, scale_param={"axis": 0})


MEASURABLE = SPATIAL_MAKERS | {"Reshape": reshape_behind_batch, "Scale": scale_from_batch, "Concat": concat_channels}
ANY_AXES = {
    name: MEASURABLE[name]
    for name in ("Convolution", "Deconvolution", "ReLU", "Eltwise", "Concat", "Slice", "Tile", "Softmax", "Reduction")
}


def test_deconvolution_moves_by_fractions():
    message = net(
        "up",
        [
            input_layer("data", (1, 1, 8, 8)),
            layer(
                "Convolution", "down", "data", convolution_param={"num_output": 1, "kernel_size": [3], "stride": [2]}
            ),
            layer(
                "Deconvolution", "up", "down", convolution_param={"num_output": 1, "kernel_size": [4], "stride": [4]}
            ),
        ],
    )
    field = receptive_fields(message)[Value("up")]
    assert field.stride == (0.5, 0.5)
    assert [field.box((y, 0))[0] for y in range(8)] == [0, 0, 0, 0, 2, 2, 2, 2]
    assert_exact(message)


def test_branches_of_different_fields_make_a_union():
    param = {"num_output": 1, "kernel_size": [1]}
    wide = {"num_output": 1, "kernel_size": [3], "pad": [4], "dilation": [4]}
    message = net(
        "branches",
        [
            input_layer("data", (1, 1, 12, 12)),
            layer("Convolution", "narrow", "data", convolution_param=param),
            layer("Convolution", "wide", "data", convolution_param=wide),
            layer("Eltwise", "sum", ["narrow", "wide"]),
            layer("Pooling", "all", "sum", pooling_param={"global_pooling": True}),
            layer("Scale", "gated", ["sum", "all"], scale_param={"axis": 0}),
        ],
    )
    message.layer[-1].bottom[1] = "all"
    with pytest.raises(NetError):
        receptive_fields(message)  # Scale wants equal axes
    del message.layer[-1]
    message.layer.append(layer("Reshape", "vector", "all", reshape_param={"shape": {"dim": [0, -1]}}))
    message.layer.append(layer("Scale", "gated", ["sum", "vector"], scale_param={"axis": 0}))
    fields = {value.blob: field for value, field in receptive_fields(message).items()}
    assert fields["sum"].size == (9, 9)
    assert fields["gated"].box((6, 6), clip=True) == (0, 0, 12, 12)
    assert_exact(message)


def test_joined_maps_see_what_their_part_sees():
    param = {"num_output": 1, "kernel_size": [3], "pad": [1]}
    message = net(
        "joined",
        [
            input_layer("data", (1, 1, 8, 6)),
            layer("Slice", "cut", "data", ["top", "bottom"], slice_param={"axis": 2, "slice_point": [3]}),
            layer("Convolution", "a", "top", convolution_param=param),
            layer("Convolution", "b", "bottom", convolution_param=param),
            layer("Concat", "both", ["a", "b"], concat_param={"axis": 2}),
        ],
    )
    field = receptive_fields(message)[Value("both")]
    assert [field.box((y, 2), clip=True)[::2] for y in range(8)] == [
        *((0, 2), (0, 3), (1, 3)),
        *((3, 5), (3, 6), (4, 7), (5, 8), (6, 8)),
    ]
    assert_exact(message)


def test_other_inputs_and_nets_without_one():
    message = net("two", [input_layer("a", (1, 1, 4, 4)), input_layer("b", (1, 1, 6, 6)), layer("ReLU", "r", "b")])
    assert set(receptive_fields(message)) == {Value("a")}
    assert set(receptive_fields(message, source_blob="b")) == {Value("b"), Value("r")}
    with pytest.raises(NetError, match="no input with spatial axes"):
        receptive_fields(net("flat", [input_layer("a", (1, 5))]))


@pytest.mark.parametrize("name", TEMPLATES)
def test_fast_on_every_net(name):
    graph = NetGraph(read_template(name))
    shapes = infer_shapes(graph)
    best = least_time(lambda: receptive_fields(graph, shapes), 30)
    assert best < 0.010, f"{best * 1000:.1f} ms"


def test_time_grows_with_the_number_of_layers_only():
    times = []
    for depth in (100, 800):
        names = ["data", *(f"c{number}" for number in range(depth))]
        param = {"num_output": 1, "kernel_size": [3], "pad": [1]}
        layers = [layer("Convolution", top, bottom, convolution_param=param) for bottom, top in pairwise(names)]
        layers.append(layer("Eltwise", "all", names))
        graph = NetGraph(net("chain", [input_layer("data", (1, 1, 50, 50)), *layers]))
        shapes = infer_shapes(graph)
        times.append(least_time(functools.partial(receptive_fields, graph, shapes), 5))
    assert times[1] < 12 * times[0]


def least_time(function, rounds):
    """Processor time of the fastest of several calls, which is the least disturbed one."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)
