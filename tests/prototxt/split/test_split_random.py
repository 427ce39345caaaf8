"""Splits of random nets: what the plain net computes, byte for byte the same weights after merging."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights
from prototxt.lint import lint_net
from prototxt.net.build import layer
from prototxt.net.graph import NetGraph
from prototxt.net.shapes import infer_shapes
from prototxt.split import merge_weights, split_net, split_weights
from prototxt.split.layouts import unit_count
from tests.prototxt import random_nets
from torchcaffe.network import Network

LEVELS = (0.0, 0.25, 1.0)
SHAPES = ((2, 4, 9, 8), (1, 2, 7, 7), (3, 4, 6, 10))


def eltwise(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
    return layer("Eltwise", name, bottoms, eltwise_param={"operation": rng.choice(["SUM", "MAX"])})


def many(maker: random_nets.Maker) -> random_nets.Maker:
    """The same layers with more filters."""

    def make(rng: Random, name: str, bottoms: list[str]) -> LayerParameter:
        made = maker(rng, name, bottoms)
        param = made.inner_product_param if made.type == "InnerProduct" else made.convolution_param
        param.num_output = rng.choice([3, 4, 6, 8]) * (param.group if made.type != "InnerProduct" else 1)
        return made

    return make


# Layers with filters stand more often; types that turn a rounding into a number of any size are left out.
MAKERS = {name: maker for name, maker in random_nets.SPATIAL_MAKERS.items() if name != "MVN"} | {
    "Eltwise": eltwise,
    **{f"Convolution {number}": many(random_nets.convolution) for number in range(4)},
    **{f"Deconvolution {number}": many(random_nets.deconvolution) for number in range(2)},
    **{f"InnerProduct {number}": many(random_nets.inner_product) for number in range(2)},
    "BatchNorm": random_nets.batch_norm,
    "Bias": random_nets.bias,
    "PReLU": random_nets.prelu,
    "another Scale": random_nets.scale,
    "Split": random_nets.split,
    "Neurons": random_nets.simple("AbsVal", "ELU", "Sigmoid", "TanH", "Dropout"),
}


def a_net(rng: Random) -> NetParameter:
    while True:
        net = random_nets.random_net(rng, MAKERS, rng.choice(SHAPES), layers=14)
        if NetGraph(net).unit_layers() and _maps_have_positions(net):
            return net


def _maps_have_positions(net: NetParameter) -> bool:
    """Convolutions of maps without positions are legal in Caffe; torchcaffe wants one at least."""
    shapes = infer_shapes(net)
    return all(len(shapes.blob(each.top[0])) > 2 for each in net.layer if "onvolution" in each.type)


def some_rates(net, rng):
    layers = [node.layer for node in NetGraph(net).unit_layers()]
    chosen = [each for each in layers if rng.random() < 0.8] or layers[:1]
    return {each.name: [rng.choice(LEVELS) for _ in range(unit_count(each))] for each in chosen}


def bottom_channels(net):
    graph, shapes = NetGraph(net), infer_shapes(net)
    units = (node for node in graph.unit_layers() if node.type != "InnerProduct")
    return {node.name: shapes.values[node.bottoms[0]][node.layer.convolution_param.axis] for node in units}


def some_weights(net, rng):
    weights = Network(net, seed=1).weights()
    kinds = {each.name: each.type for each in net.layer}
    for name, blobs in weights.items():
        blobs[:] = [(0.3 * rng.normal(size=blob.shape)).astype(np.float32) for blob in blobs]
        if kinds[name] == "BatchNorm":
            blobs[1:] = [np.abs(blobs[1]) + 0.5, np.ones(1, np.float32)]
    return weights


def split_case(seed):
    """Net, weights and their split; the same for the same seed."""
    rng = Random(seed)
    net = a_net(rng)
    weights = some_weights(net, np.random.default_rng(seed))
    split = split_net(net, some_rates(net, rng), bottom_channels(net))
    return net, weights, split, split_weights(weights, split.layers)


def image_of(net, seed):
    shape = infer_shapes(net).blob("data")
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def assert_close(found, expected):
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5 * scale)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_a_random_net_computes_the_same_when_split_and_merges_to_the_same_bytes(seed):
    net, weights, split, cut = split_case(seed)
    assert lint_net(split.net) == lint_net(net)
    assert [value.blob for value in NetGraph(split.net).outputs] == [value.blob for value in NetGraph(net).outputs]
    merged = merge_weights(cut, split.layers)
    assert list(merged) == list(weights)
    for name, blobs in weights.items():
        assert [(b.shape, b.tobytes()) for b in merged[name]] == [(b.shape, b.tobytes()) for b in blobs]
    image = image_of(net, seed)
    plain, parts = (Network(each, weights=of).run({"data": image}) for each, of in ((net, weights), (split.net, cut)))
    for one, other in zip(plain.values(), parts.values(), strict=True):
        assert_close(other.detach().numpy(), one.detach().numpy())


FORWARD = """
import os, sys
os.environ["GLOG_minloglevel"] = "2"
import caffe, numpy as np
for number in range(int(sys.argv[1])):
    for kind in ("plain", "split"):
        stem = "%s%d" % (kind, number)
        net = caffe.Net(stem + ".prototxt", caffe.TEST, weights=stem + ".caffemodel")
        net.blobs["data"].data[...] = np.load("image%d.npy" % number)
        net.forward()
        np.savez(stem + ".npz", **{name: net.blobs[name].data for name in net.outputs})
"""


@pytest.mark.caffe
def test_random_nets_compute_the_same_in_real_caffe(real_caffe, tmp_path):
    count, parts = 12, 0
    for number in range(count):
        net, weights, split, cut = split_case(number)
        parts += sum(len(each.parts) for each in split.layers)
        np.save(tmp_path / f"image{number}.npy", image_of(net, number))
        for kind, each, blobs in (("plain", net, weights), ("split", split.net, cut)):
            write_message(tmp_path / f"{kind}{number}.prototxt", each)
            write_weights(tmp_path / f"{kind}{number}.caffemodel", each, blobs)
    assert parts > 4 * count  # the nets are split indeed
    result = real_caffe.run_python(FORWARD, str(count), cwd=tmp_path)
    assert result.returncode == 0, result.stdout[-2000:]
    for number in range(count):
        with np.load(tmp_path / f"plain{number}.npz") as plain, np.load(tmp_path / f"split{number}.npz") as split:
            assert set(plain) == set(split)
            for name in plain:
                assert_close(split[name], plain[name])
