"""Shapes, outputs and refusals against real Caffe, on random nets, the templates and settings that are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from prototxt.build import input_layer, layer, net
from prototxt.errors import NetError
from prototxt.graph import NetGraph
from prototxt.shapes import infer_shapes
from prototxt.templates import TEMPLATES, read_template
from prototxt.text import write_message
from tests.prototxt.random_nets import ALL_MAKERS, random_net

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


def one_layer(type, bottoms=("data",), tops=None, **fields):
    inputs = {"data": (2, 4, 6, 6), "other": (2, 4, 5, 6), "flat": (2, 4)}
    return net(
        "wrong", [*(input_layer(n, s) for n, s in inputs.items()), layer(type, "wrong", bottoms, tops, **fields)]
    )


REFUSED = {
    "group": one_layer("Convolution", convolution_param={"num_output": 3, "kernel_size": [1], "group": 2}),
    "kernel": one_layer("Convolution", convolution_param={"num_output": 3, "kernel_size": [9]}),
    "no_kernel": one_layer("Convolution", convolution_param={"num_output": 3}),
    "kernels": one_layer("Convolution", convolution_param={"num_output": 3, "kernel_size": [1, 1, 1]}),
    "both_kernels": one_layer("Convolution", convolution_param={"num_output": 3, "kernel_size": [1], "kernel_h": 1}),
    "no_output": one_layer("Convolution", convolution_param={"kernel_size": [1]}),
    "zero_stride": one_layer("Convolution", convolution_param={"num_output": 1, "kernel_size": [1], "stride": [0]}),
    "tops": one_layer("Convolution", tops=["a", "b"], convolution_param={"num_output": 1, "kernel_size": [1]}),
    "pool_pad": one_layer("Pooling", pooling_param={"kernel_size": 2, "pad": 2}),
    "pool_flat": one_layer("Pooling", ("flat",), pooling_param={"kernel_size": 2}),
    "pool_half": one_layer("Pooling", pooling_param={"kernel_h": 2}),
    "pool_global": one_layer("Pooling", pooling_param={"global_pooling": True, "kernel_size": 2}),
    "pool_mask": one_layer("Pooling", tops=["a", "b"], pooling_param={"pool": "AVE", "kernel_size": 2}),
    "concat": one_layer("Concat", ("data", "other")),
    "eltwise": one_layer("Eltwise", ("data", "other")),
    "eltwise_one": one_layer("Eltwise", ("data",)),
    "coeff": one_layer("Eltwise", ("data", "data"), eltwise_param={"coeff": [1]}),
    "slice": one_layer("Slice", tops=["a", "b", "c"]),
    "slice_point": one_layer("Slice", tops=["a", "b"], slice_param={"slice_point": [5]}),
    "axis": one_layer("InnerProduct", ("flat",), inner_product_param={"num_output": 1, "axis": 2}),
    "lrn_even": one_layer("LRN", lrn_param={"local_size": 4}),
    "lrn_flat": one_layer("LRN", ("flat",)),
    "crop": one_layer("Crop", ("other", "data")),
    "reshape": one_layer("Reshape", reshape_param={"shape": {"dim": [0, 5, -1]}}),
    "scale": one_layer("Scale", ("data", "flat"), scale_param={"axis": 1}),
    "scale_axes": one_layer("Scale", scale_param={"axis": 2, "num_axes": 3}),
    "labels": one_layer("SoftmaxWithLoss", ("data", "flat")),
    "accuracy": one_layer("Accuracy", ("flat", "data")),
    "arg_max": one_layer("ArgMax", argmax_param={"axis": 1, "top_k": 5}),
    "absolute": one_layer("AbsVal", tops=["data"]),
    "loss_weight": one_layer("SoftmaxWithLoss", ("flat", "flat"), tops=["a", "b"], softmax_param={"axis": 0}),
    "unknown_type": one_layer("Convolutoin"),
    "unknown_bottom": one_layer("ReLU", ("dta",)),
    "twice": one_layer("ReLU", ("data",), ["other"]),
    "shared_in_place": net("wrong", [*one_layer("ReLU", tops=["data"]).layer, layer("ReLU", "x", "data"),
                                     layer("ReLU", "y", "data", "data")]),
}  # fmt: skip


def test_both_refuse_what_is_wrong(real_caffe, tmp_path):
    real = caffe_shapes(real_caffe, tmp_path, REFUSED)
    assert {name for name, shapes in real.items() if shapes is not None} == set()
    for message in REFUSED.values():
        with pytest.raises(NetError):
            infer_shapes(message)
