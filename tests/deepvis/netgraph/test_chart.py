"""The graph of a net: what becomes a node, and where it stands."""

from itertools import pairwise

import numpy as np
import pytest

from deepvis.engines.describe import describe
from deepvis.netgraph.analyser import analyse
from deepvis.netgraph.chart import draw_chart, matches
from tests.deepvis.netgraph.nets import alexnet, conv, data, googlenet, layer, model_of, relu, resnet
from tests.deepvis.netgraph.test_layered import check


def chart_of(text, size=227):
    model = model_of(text, size)
    return draw_chart(model.graph, analyse(model), describe(model))


def test_alexnet_is_a_chain_with_what_works_in_place_folded_in():
    chart = chart_of(alexnet())
    assert [node.layers for node in chart.nodes][:3] == [("data",), ("conv1", "relu1"), ("pool1",)]
    assert chart.edges == tuple((number, number + 1) for number in range(len(chart.nodes) - 1))
    conv1 = chart.nodes[1]
    assert conv1.lines == ("Convolution  56×56×64", "64 of 11×11, stride 4, pad 2", "ReLU")
    assert conv1.has_filters
    assert conv1.layer == "conv1"
    assert chart.node_of("relu1") == chart.node_of("conv1") == 1
    assert chart.node_of("gone") == -1
    assert chart.nodes[chart.node_of("flatten")].layer == "", "the window does not list it"
    middles = chart.down.boxes[:, 0] + chart.down.boxes[:, 2] / 2
    np.testing.assert_allclose(middles, middles[0])


def test_branches_of_googlenet_stand_beside_each_other():
    chart = chart_of(googlenet(), 224)
    check([node.size for node in chart.nodes], chart.edges, chart.down)
    heads = [chart.node_of(f"3a/{name}") for name in ("1x1", "3x3_reduce", "5x5_reduce", "pool")]
    assert len({chart.down.boxes[node, 1] for node in heads}) == 1
    assert (np.diff(chart.down.boxes[heads, 0]) > 0).all()
    assert len({chart.right.boxes[node, 0] for node in heads}) == 1
    joined = chart.node_of("3a/output")
    assert {chart.nodes[source].layers[0] for source, target in chart.edges if target == joined} == {
        "3a/1x1",
        "3a/3x3",
        "3a/5x5",
        "3a/pool_proj",
    }


def test_resnet_152_with_its_shortcuts():
    chart = chart_of(resnet(), 224)
    assert len(chart.nodes) == 1 + 1 + 1 + 50 * 4 + 4 + 2
    assert chart.nodes[1].lines[-1] == "BatchNorm · Scale · ReLU"
    boxes = chart.down.boxes
    order = np.argsort(boxes[:, 1], kind="stable")
    rows = boxes[order]
    for above, below in pairwise(rows):  # at most two stand in a row here
        assert below[1] >= above[1] + above[3] or abs(below[0] - above[0]) >= min(above[2], below[2])
    for route in chart.down.routes:
        assert (np.diff(route[:, 1]) > 0).all()
    shortcut = chart.edges.index((chart.node_of("res4.5.sum"), chart.node_of("res4.6.sum")))
    assert len(chart.down.routes[shortcut]) > 2, "it passes the block"
    trunk = [chart.node_of(f"res4.6.{part}") for part in ("a", "b", "c", "sum")]
    middles = boxes[trunk, 0] + boxes[trunk, 2] / 2
    np.testing.assert_allclose(middles, middles[0])


def test_what_others_read_too_is_not_folded():
    text = data(8) + conv("conv", "data", 4, 3) + layer("relu", "ReLU", "conv") + layer("sum", "Eltwise", "conv relu")
    chart = chart_of(text, 8)
    assert [node.layers for node in chart.nodes] == [("data",), ("conv",), ("relu",), ("sum",)]
    assert chart.edges == ((0, 1), (1, 2), (1, 3), (2, 3))


def test_parts_of_per_filter_rates_are_called_by_their_rates():
    text = data(8)
    for number, rate in enumerate(("0", "0.25")):
        text += conv(f"conv2__g{number}_lr{rate}", "data", 4, 3)
    text += layer("conv2", "Concat", "conv2__g0_lr0 conv2__g1_lr0.25") + relu("relu2", "conv2")
    chart = chart_of(text, 8)
    assert [node.title for node in chart.nodes] == ["data", "lr × 0", "lr × 0.25", "conv2"]
    assert chart.nodes[2].lines == ("Convolution  6×6×4", "conv2: 4 of 3×3")
    assert chart.node_of("conv2__g1_lr0.25") == 2


@pytest.mark.parametrize(
    ("words", "found"), [("", True), ("CONV 3x3", True), ("relu", False), ("3x3 conv", True), ("conv 5x5", False)]
)
def test_search(words, found):
    assert matches(words, "inception/3x3", "Convolution") is found
