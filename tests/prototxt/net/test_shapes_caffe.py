"""Shapes, outputs and refusals against real Caffe, on random nets, the templates and settings that are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from prototxt.common.errors import NetError
from prototxt.formats.text import write_message
from prototxt.net.build import input_layer, layer, net
from prototxt.net.graph import NetGraph
from prototxt.net.shapes import infer_shapes
from prototxt.templates import TEMPLATES, read_template
from tests.prototxt.lint.refused_nets import REFUSED
from tests.prototxt.random_nets import ALL_MAKERS, random_net

DRIVER = Path(__file__).parents[2] / "golden/caffe_shapes.py"
pytestmark = pytest.mark.caffe


def caffe_shapes(real_caffe, folder, nets):
    for name, message in nets.items():
        write_message(folder / f"{name}.prototxt", message)
    result = real_caffe.run_python(DRIVER.read_text(), folder, timeout=280)
    assert result.returncode == 0, result.stdout
    return {
        name: json.loads((folder / f"{name}.json").read_text()) if (folder / f"{name}.json").exists() else None
        for name in nets
    }


def assert_same(message, real):
    graph = NetGraph(message)
    shapes = infer_shapes(graph)
    ours = {value.blob: list(shapes.values[value]) for value in graph.values}
    assert ours == {name: shape for name, shape in real["blobs"].items() if name in ours}
    assert {name: [list(s) for s in params] for name, params in shapes.params.items()} == real["params"]
    assert sorted(value.blob for value in graph.outputs) == sorted(real["outputs"])
    assert [value.blob for value in graph.inputs] == real["inputs"]


def test_random_nets_have_caffes_shapes(real_caffe, tmp_path):
    shapes = [(2, 4, 15, 11), (1, 2, 7, 7), (3, 4, 6, 20)]
    nets = {
        f"net{seed}": random_net(Random(seed), ALL_MAKERS, shapes[seed % len(shapes)], layers=30) for seed in range(60)
    }
    used = {node.type for message in nets.values() for node in message.layer}
    assert len(used) > 35, sorted(used)
    real = caffe_shapes(real_caffe, tmp_path, nets)
    refused = {name: (tmp_path / f"{name}.log").read_text() for name, shapes in real.items() if shapes is None}
    assert not refused
    for name, message in nets.items():
        assert_same(message, real[name])


RARE = {
    "rnn": [((5, 2, 3), (5, 2)), layer("RNN", "r", ["a", "b"], recurrent_param={"num_output": 4})],
    "lstm": [((5, 2, 3), (5, 2), (2, 7)), layer("LSTM", "r", ["a", "b", "c"], recurrent_param={"num_output": 4})],
    "hidden": [
        ((5, 2, 3), (5, 2), (1, 2, 4), (1, 2, 4)),
        layer("LSTM", "r", [*"abcd"], ["x", "y", "z"], recurrent_param={"num_output": 4, "expose_hidden": True}),
    ],
    "unit": [((1, 2, 3), (1, 2, 12), (1, 2)), layer("LSTMUnit", "u", [*"abc"], ["x", "y"])],
    "hinge": [((4, 3), (4,)), layer("HingeLoss", "l", ["a", "b"])],
    "multinomial": [((4, 3), (4,)), layer("MultinomialLogisticLoss", "l", ["a", "b"])],
    "infogain": [((4, 3), (4,), (1, 1, 3, 3)), layer("InfogainLoss", "l", [*"abc"])],
    "contrastive": [((4, 3), (4, 3), (4,)), layer("ContrastiveLoss", "l", [*"abc"])],
    "reindex": [((4, 3, 2), (6,)), layer("BatchReindex", "i", ["a", "b"])],
    "filter": [((4, 3, 2), (4, 5), (4, 1)), layer("Filter", "f", [*"abc"], ["x", "y"])],
    "silence": [((4, 3),), layer("Silence", "s", ["a"], ())],
    "parameter": [((4, 3),), layer("Parameter", "p", (), parameter_param={"shape": {"dim": [2, 5]}})],
    "output": [((4, 3), (4,)), layer("HDF5Output", "o", ["a", "b"], (), hdf5_output_param={"file_name": "/dev/null"})],
    "memory": [
        ((4, 3),),
        layer("MemoryData", "m", (), ["x", "y"],
              memory_data_param={"batch_size": 2, "channels": 3, "height": 4, "width": 5}),
    ],
    "window": [((4, 3, 7, 7),), layer("Convolution", "w", "a", convolution_param={
        "num_output": 2, "kernel_size": [3], "axis": 2})],
    "volume": [((1, 2, 5, 6, 7),), layer("Convolution", "w", "a", convolution_param={
        "num_output": 2, "kernel_size": [3, 2, 1], "stride": [2], "pad": [1, 0, 2]})],
    "twice": [((1, 2, 5, 6), (1, 2, 5, 6)), layer("Convolution", "w", ["a", "b"], ["x", "y"], convolution_param={
        "num_output": 2, "kernel_size": [3]})],
    "dummy": [((1,),), layer("DummyData", "d", (), ["x", "y"], dummy_data_param={
        "num": [2, 3], "channels": [1, 1], "height": [4, 5], "width": [6, 6]})],
}  # fmt: skip


def test_rare_layers_have_caffes_shapes(real_caffe, tmp_path):
    nets = {name: net(name, [*map(input_layer, "abcd", shapes), tested]) for name, (shapes, tested) in RARE.items()}
    real = caffe_shapes(real_caffe, tmp_path, nets)
    for name, message in nets.items():
        assert real[name] is not None, (tmp_path / f"{name}.log").read_text()
        assert_same(message, real[name])


def test_templates_have_caffes_shapes(real_caffe, tmp_path):
    nets = {name: read_template(name) for name in TEMPLATES if name not in ("vgg19", "resnet101", "resnet50")}
    for message in nets.values():
        message.layer[0].input_param.shape[0].dim[0] = 1
    for name, real in caffe_shapes(real_caffe, tmp_path, nets).items():
        assert real is not None, (tmp_path / f"{name}.log").read_text()
        assert_same(nets[name], real)


def test_both_refuse_what_is_wrong(real_caffe, tmp_path):
    real = caffe_shapes(real_caffe, tmp_path, REFUSED)
    assert {name for name, shapes in real.items() if shapes is not None} == set()
    for message in REFUSED.values():
        with pytest.raises(NetError):
            infer_shapes(message)
