"""Shapes, outputs and refusals against real Caffe, on random nets, the templates and settings that are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from prototxt.errors import NetError
from prototxt.graph import NetGraph
from prototxt.shapes import infer_shapes
from prototxt.templates import TEMPLATES, read_template
from prototxt.text import write_message
from tests.prototxt.random_nets import ALL_MAKERS, random_net
from tests.prototxt.refused_nets import REFUSED

DRIVER = Path(__file__).parents[1] / "golden/caffe_shapes.py"
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
        f"net{seed}": random_net(Random(seed), ALL_MAKERS, shapes[seed % len(shapes)], layers=30) for seed in range(100)
    }
    used = {node.type for message in nets.values() for node in message.layer}
    assert len(used) > 35, sorted(used)
    real = caffe_shapes(real_caffe, tmp_path, nets)
    refused = {name: (tmp_path / f"{name}.log").read_text() for name, shapes in real.items() if shapes is None}
    assert not refused
    for name, message in nets.items():
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
