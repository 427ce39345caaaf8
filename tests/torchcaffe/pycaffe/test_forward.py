"""A pass over all layers gives what single layers give, and what a program writes in between counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import torchcaffe as caffe

NET = """
layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 10 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 6 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "left" type: "Pooling" bottom: "conv" top: "left" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "right" type: "Convolution" bottom: "conv" top: "right"
  convolution_param { num_output: 4 kernel_size: 2 stride: 2 weight_filler { type: "xavier" } } }
layer { name: "both" type: "Concat" bottom: "left" bottom: "right" top: "both" }
layer { name: "drop" type: "Dropout" bottom: "both" top: "both" }
layer { name: "ip" type: "InnerProduct" bottom: "both" top: "ip"
  inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "tanh" type: "TanH" bottom: "ip" top: "ip" }
layer { name: "again" type: "InnerProduct" bottom: "ip" top: "again"
  inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
"""


@pytest.fixture
def net(tmp_path: Path) -> caffe.Net:
    (tmp_path / "net.prototxt").write_text(NET)
    caffe.set_random_seed(0)
    made = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    made.blobs["data"].data[...] = np.random.default_rng(0).normal(size=(2, 3, 10, 8))
    return made


def blobs(net: caffe.Net) -> dict[str, np.ndarray]:
    return {name: blob.data.copy() for name, blob in net.blobs.items()}


def test_the_same_as_layer_by_layer(net: caffe.Net) -> None:
    net.forward()
    found = blobs(net)
    for layer in net._layer_names:
        net.forward(start=layer, end=layer)
    for name, array in blobs(net).items():
        np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-6, err_msg=name)
        assert net.blobs[name].data.flags.c_contiguous


def test_what_a_program_writes_between_two_passes_counts(net: caffe.Net) -> None:
    net.forward()
    before = net.blobs["again"].data.copy()
    net.blobs["conv"].data[...] *= 2
    net.forward(start="left")
    assert not np.allclose(net.blobs["again"].data, before)


def test_what_a_program_writes_within_a_pass_counts(net: caffe.Net) -> None:
    net.forward()
    before = net.blobs["left"].data.copy()

    def double(index: int) -> None:
        if net._layer_names[index] == "relu":
            net.blobs["conv"].data[...] *= 2

    net.after_forward(double)
    net.forward()
    np.testing.assert_allclose(net.blobs["left"].data, 2 * before, rtol=1e-5)


def test_weights_that_a_program_writes_count(net: caffe.Net) -> None:
    net.forward()
    before = net.blobs["conv"].data.copy()
    net.params["conv"][0].data[...] *= 2
    net.params["conv"][1].data[...] *= 2
    net.forward()
    np.testing.assert_allclose(net.blobs["conv"].data, 2 * before, rtol=1e-5, atol=1e-6)
