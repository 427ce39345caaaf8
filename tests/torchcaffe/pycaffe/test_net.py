"""``torchcaffe.Net`` behaves as ``caffe.Net``: BVLC's own python/caffe/test/test_net.py, said anew, and more."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import torchcaffe as caffe
from prototxt.common.errors import FormatError, NetError

SIMPLE = """
name: "testnet" force_backward: true
layer { type: "DummyData" name: "data" top: "data" top: "label"
  dummy_data_param { num: 5 channels: 2 height: 3 width: 4 num: 5 channels: 1 height: 1 width: 1
    data_filler { type: "gaussian" std: 1 } data_filler { type: "constant" } } }
layer { type: "Convolution" name: "conv" bottom: "data" top: "conv"
  convolution_param { num_output: 11 kernel_size: 2 pad: 3
    weight_filler { type: "gaussian" std: 1 } bias_filler { type: "constant" value: 2 } }
  param { decay_mult: 1 } param { decay_mult: 0 } }
layer { type: "InnerProduct" name: "ip" bottom: "conv" top: "ip_blob"
  inner_product_param { num_output: 13
    weight_filler { type: "gaussian" std: 2.5 } bias_filler { type: "constant" value: -3 } } }
layer { type: "SoftmaxWithLoss" name: "loss" bottom: "ip_blob" bottom: "label" top: "loss" }
"""
DEPLOY = """
force_backward: true
layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y"
  inner_product_param { num_output: 4 weight_filler { type: "gaussian" std: 1 } } }
layer { name: "relu" type: "ReLU" bottom: "y" top: "y" }
layer { name: "soft" type: "Softmax" bottom: "y" top: "prob" }
layer { name: "twice" type: "Power" bottom: "y" top: "double" power_param { scale: 2 } }
"""


@pytest.fixture
def make(tmp_path):
    def make(text: str, *arguments, **options) -> caffe.Net:
        path = tmp_path / "net.prototxt"
        path.write_text(text)
        return caffe.Net(str(path), *arguments, **options)

    return make


@pytest.fixture
def simple(make):
    net = make(SIMPLE, caffe.TRAIN)
    net.blobs["label"].data[...] = np.arange(5).reshape(net.blobs["label"].data.shape)
    return net


@pytest.fixture
def deploy(make):
    return make(DEPLOY, caffe.TEST)


def test_blobs_outlive_their_net(simple):
    simple.forward()
    blobs = [*simple.blobs.values(), *(blob for blobs in simple.params.values() for blob in blobs)]
    before = [blob.data.sum() for blob in blobs]
    del simple
    assert [blob.data.sum() for blob in blobs] == before
    assert all(np.isfinite(blob.diff).all() for blob in blobs)


def test_layers_by_name(simple):
    assert list(simple.layer_dict) == list(simple._layer_names) == ["data", "conv", "ip", "loss"]
    assert [layer.type for layer in simple.layers] == ["DummyData", "Convolution", "InnerProduct", "SoftmaxWithLoss"]
    assert [simple.layer_dict[name].type for name in simple.layer_dict] == [layer.type for layer in simple.layers]
    assert [blob.shape for blob in simple.layers[1].blobs] == [(11, 2, 2, 2), (11,)]
    assert simple.layers[0].blobs == []


def test_inputs_and_outputs(simple, deploy):
    assert simple.inputs == []
    assert simple.outputs == ["loss"]
    assert deploy.inputs == ["x"]
    assert deploy.outputs == ["double", "prob"]  # in the order of their names, as Caffe's std::set has them
    assert deploy.blob_loss_weights["prob"] == 0
    assert simple.blob_loss_weights["loss"] == 1


def test_tops_and_bottoms(simple):
    assert dict(simple.top_names) == {
        "data": ["data", "label"],
        "conv": ["conv"],
        "ip": ["ip_blob"],
        "loss": ["loss"],
    }
    assert dict(simple.bottom_names) == {"data": [], "conv": ["data"], "ip": ["conv"], "loss": ["ip_blob", "label"]}


def test_forward_from_and_to_a_layer(simple):
    conv, ip = simple.blobs["conv"], simple.blobs["ip_blob"]
    conv.data[:] = np.random.uniform(size=conv.data.shape)
    found = simple.forward(start="ip", end="ip")
    assert list(found) == ["ip_blob"]
    weights, bias = (blob.data for blob in simple.params["ip"])
    np.testing.assert_allclose(ip.data, conv.data.reshape(5, -1) @ weights.T + bias, rtol=1e-3, atol=1e-4)


def test_backward_from_and_to_a_layer_without_a_forward_pass(simple):
    conv, ip = simple.blobs["conv"], simple.blobs["ip_blob"]
    ip.diff[:] = np.random.uniform(size=ip.diff.shape)
    found = simple.backward(start="ip", end="ip")
    assert list(found) == ["conv"]
    expected = (ip.diff @ simple.params["ip"][0].data).reshape(conv.shape)
    np.testing.assert_allclose(conv.diff, expected, rtol=1e-3, atol=1e-5)


def test_gradients_of_a_whole_pass(simple):
    simple.forward(end="data")
    simple.blobs["label"].data[...] = np.arange(5).reshape(5, 1, 1, 1)
    simple.forward(start="conv")
    simple.backward()
    scores = simple.blobs["ip_blob"].data
    softmax = np.exp(scores - scores.max(1, keepdims=True))
    softmax /= softmax.sum(1, keepdims=True)
    softmax[np.arange(5), np.arange(5)] -= 1
    np.testing.assert_allclose(simple.blobs["ip_blob"].diff, softmax / 5, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(simple.params["ip"][1].diff, softmax.sum(0) / 5, rtol=1e-3, atol=1e-6)
    assert np.abs(simple.blobs["data"].diff).max() > 0


def test_param_diffs_add_up_until_they_are_cleared(simple):
    simple.forward()
    simple.backward()
    diff = simple.params["conv"][0].diff
    once, data_once = diff.copy(), simple.blobs["data"].diff.copy()
    assert np.abs(once).max() > 0
    simple.backward()
    np.testing.assert_allclose(diff, 2 * once, rtol=1e-5)
    np.testing.assert_array_equal(simple.blobs["data"].diff, data_once)
    simple.clear_param_diffs()
    assert (diff == 0).all()


def test_weights_that_are_written_count(deploy):
    held = deploy.params["ip"][0].data
    deploy.params["ip"][0].data[...] = 1
    deploy.params["ip"][1].data[:] = [0, -100, 0, 0]
    deploy.blobs["x"].data[...] = 2
    assert deploy.forward()["double"].tolist() == [[12, 0, 12, 12]] * 2
    held[...] = 2
    deploy.params["ip"][0].data.flat[0] = 0
    assert deploy.forward()["double"].tolist() == [[16, 0, 24, 24]] * 2


def test_arrays_of_a_blob_follow_the_passes(deploy):
    held = deploy.blobs["y"].data
    deploy.params["ip"][0].data[...] = 1
    for value in (1.0, 2.0):
        deploy.forward(x=np.full((2, 3), value))
        assert (held == 3 * value).all()


def test_in_place_blob_has_its_last_value_and_the_gradient_of_its_first(deploy):
    deploy.params["ip"][0].data[...] = np.array([[1], [-1], [2], [0]], np.float32)
    deploy.forward(x=np.ones((2, 3)))
    assert deploy.blobs["y"].data[0].tolist() == [3, 0, 6, 0]
    deploy.blobs["double"].diff[...] = 1
    deploy.backward()
    assert deploy.blobs["y"].diff[0].tolist() == [2, 0, 2, 0]


def test_a_gradient_from_the_middle(deploy):
    deploy.params["ip"][0].data[...] = 1
    deploy.forward(x=np.ones((2, 3)))
    deploy.blobs["y"].diff[...] = 0
    deploy.blobs["y"].diff[0, 2] = 1
    assert deploy.backward(start="relu")["x"].tolist() == [[1, 1, 1], [0, 0, 0]]


def test_backward_after_other_weights_came_in_uses_those(deploy, tmp_path):
    deploy.params["ip"][0].data[...] = 3
    deploy.save(tmp_path / "three.caffemodel")
    deploy.params["ip"][0].data[...] = 1
    deploy.forward(x=np.ones((2, 3)))
    deploy.copy_from(tmp_path / "three.caffemodel")
    deploy.blobs["y"].diff[...] = 1
    assert (deploy.backward(start="ip")["x"] == 12).all()


def test_values_can_be_changed_between_passes(deploy):
    deploy.forward(x=np.ones((2, 3)))
    deploy.blobs["y"].data[...] = 5
    assert (deploy.forward(start="twice")["double"] == 10).all()


def test_keyword_inputs_must_be_the_inputs(deploy):
    with pytest.raises(NetError, match="the net's inputs are x; got z"):
        deploy.forward(z=np.zeros((2, 3)))
    with pytest.raises(NetError, match="batches of 2, got 3: reshape"):
        deploy.forward(x=np.zeros((3, 3)))


def test_forward_all_works_in_batches_and_forgets_the_filling(deploy):
    x = np.random.rand(5, 3).astype(np.float32)
    found = deploy.forward_all(blobs=["y"], x=x)
    assert {name: array.shape for name, array in found.items()} == {"prob": (5, 4), "double": (5, 4), "y": (5, 4)}
    np.testing.assert_allclose(found["double"], 2 * found["y"])
    np.testing.assert_allclose(found["y"], np.maximum(x @ deploy.params["ip"][0].data.T, 0), rtol=1e-5, atol=1e-6)


def test_forward_backward_all(deploy):
    x = np.random.rand(3, 3).astype(np.float32)
    tops = {"prob": np.zeros((3, 4)), "double": np.ones((3, 4))}
    blobs, diffs = deploy.forward_backward_all(blobs=["y"], x=x, **tops)
    weights = deploy.params["ip"][0].data
    np.testing.assert_allclose(diffs["x"], 2 * (blobs["y"] > 0) @ weights, rtol=1e-5, atol=1e-6)


def test_reshape(deploy):
    deploy.blobs["x"].reshape(7, 3)
    deploy.reshape()
    assert deploy.blobs["prob"].shape == (7, 4)
    assert deploy.forward(x=np.zeros((7, 3)))["prob"].shape == (7, 4)
    deploy.blobs["x"].reshape(1, 3)
    deploy.forward()  # follows without reshape()
    assert deploy.blobs["double"].data.shape == (1, 4)
    deploy.blobs["x"].reshape(2, 5)
    with pytest.raises(NetError, match=r"'ip'.*\(4, 3\).*\(4, 5\)"):
        deploy.reshape()


def test_a_smaller_shape_keeps_the_memory(deploy):
    blob = deploy.blobs["x"]
    blob.data[...] = np.arange(6).reshape(2, 3)
    blob.reshape(1, 3)
    assert blob.data.tolist() == [[0, 1, 2]]
    blob.reshape(2, 3)
    assert blob.data.tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(NetError, match="axes are 0 or more"):
        blob.reshape(-1, 3)


def test_legacy_axes(make):
    net = make('layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }', caffe.TEST)
    blob = net.blobs["x"]
    assert (blob.num, blob.channels, blob.height, blob.width, blob.count) == (2, 3, 1, 1, 6)


def test_save_and_read(simple, make, tmp_path):
    path = str(tmp_path / "net.caffemodel")
    simple.save(path)
    for net in (make(SIMPLE, path, caffe.TRAIN), make(SIMPLE, caffe.TRAIN, weights=path)):
        _assert_same_parameters(net, simple)
    other = make(SIMPLE, caffe.TEST)
    other.copy_from(path)
    _assert_same_parameters(other, simple)


@pytest.mark.parametrize("load", ["copy_from", "load_hdf5", "weights"])
def test_layers_that_a_file_leaves_out_are_named(simple, make, tmp_path, caplog, load):
    path = tmp_path / "weights"
    simple.save_hdf5(path) if load == "load_hdf5" else simple.save(path)
    other = SIMPLE.replace('name: "ip"', 'name: "ip_new"')
    if load == "weights":
        make(other, caffe.TRAIN, weights=path)
    else:
        getattr(make(other, caffe.TRAIN), load)(path)
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said == [f"Layer ip_new has no weights in {path}; it keeps what its filler gave"]


def test_save_hdf5(simple, make, tmp_path):
    path = str(tmp_path / "weights")
    simple.save_hdf5(path)
    net = make(SIMPLE, caffe.TRAIN)
    net.load_hdf5(path)
    _assert_same_parameters(net, simple)


def test_share_with(simple, make):
    net = make(SIMPLE, caffe.TEST)
    net.share_with(simple)
    simple.params["conv"][0].data[...] = 0.5
    assert (net.params["conv"][0].data == 0.5).all()
    _assert_same_parameters(net, simple)


def _assert_same_parameters(one: caffe.Net, other: caffe.Net) -> None:
    assert one.params.keys() == other.params.keys()
    for name in one.params:
        for a, b in zip(one.params[name], other.params[name], strict=True):
            np.testing.assert_array_equal(a.data, b.data)


def test_callbacks(deploy):
    calls = []
    deploy.before_forward(lambda place: calls.append(("before", place)))
    deploy.after_forward(lambda place: calls.append(("after", place)))
    deploy.after_backward(lambda place: calls.append(("back", place)))
    deploy.forward(start="relu", end="soft")
    deploy.backward(start="relu", end="ip")
    assert calls == [("before", 2), ("after", 2), ("before", 3), ("after", 3), ("back", 2), ("back", 1)]


def test_levels_and_stages(make):
    text = """
    layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 } } }
    layer { name: "A" type: "ReLU" bottom: "data" top: "A" include { stage: "A" } }
    layer { name: "B" type: "ReLU" bottom: "data" top: "B" include { stage: "B" } }
    layer { name: "high" type: "ReLU" bottom: "data" top: "high" include { min_level: 1 } }
    """
    assert make(text, caffe.TEST, stages=["A"]).outputs == ["A"]
    assert make(text, caffe.TEST, stages=["A", "B"]).outputs == ["A", "B"]
    assert make(text, caffe.TEST, level=1).outputs == ["high"]
    assert make(text, caffe.TEST, 1, ["B"]).outputs == ["B", "high"]


def test_backward_without_loss_or_force_does_nothing_and_says_so(make):
    net = make(DEPLOY.replace("force_backward: true", ""), caffe.TEST)
    net.forward(x=np.ones((2, 3)))
    net.blobs["double"].diff[...] = 1
    with pytest.warns(UserWarning, match="force_backward: true"):
        net.backward()
    assert (net.blobs["x"].diff == 0).all()


def test_frozen_parameters_get_no_gradient_and_data_none_without_force(make):
    text = SIMPLE.replace("force_backward: true", "").replace("param { decay_mult: 1 }", "param { lr_mult: 0 }")
    net = make(text, caffe.TRAIN)
    net.forward()
    net.backward()
    assert (net.params["conv"][0].diff == 0).all()
    assert np.abs(net.params["conv"][1].diff).max() > 0
    assert (net.blobs["data"].diff == 0).all()


def test_propagate_down_false_stops_the_gradient(make):
    text = SIMPLE.replace("force_backward: true", "").replace('name: "ip"', 'name: "ip" propagate_down: false')
    net = make(text, caffe.TRAIN)
    net.forward()
    net.backward()
    assert (net.params["conv"][0].diff == 0).all()
    assert np.abs(net.params["ip"][0].diff).max() > 0


def test_memory_data(make):
    net = make(
        'layer { name: "data" type: "MemoryData" top: "data" top: "label"'
        " memory_data_param { batch_size: 2 channels: 1 height: 1 width: 2 } }",
        caffe.TEST,
    )
    data = np.arange(8, dtype=np.float32).reshape(4, 1, 1, 2)
    net.set_input_arrays(data, np.arange(4, dtype=np.float32))
    net.forward()
    np.testing.assert_array_equal(net.forward()["data"], data[2:])
    assert net.blobs["label"].data.ravel().tolist() == [2, 3]


def test_layer_types():
    types = caffe.layer_type_list()
    assert {"Convolution", "ImageData", "Deconvolution", "SoftmaxWithLoss"} <= set(types)
    assert types == sorted(types)


def test_mode_gpu_without_one(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(NetError, match="no GPU"):
        caffe.set_mode_gpu()
    caffe.set_mode_cpu()


def test_random_seed(make):
    nets = []
    for seed in (1, 1, 2):
        caffe.set_random_seed(seed)
        nets.append(make(SIMPLE, caffe.TRAIN))
    _assert_same_parameters(nets[0], nets[1])
    assert not np.array_equal(nets[0].params["ip"][0].data, nets[2].params["ip"][0].data)


def test_bad_arguments(make, tmp_path):
    with pytest.raises(FormatError, match=r"missing\.prototxt"):
        caffe.Net(str(tmp_path / "missing.prototxt"), caffe.TEST)
    with pytest.raises(NetError, match="phase must be"):
        make(DEPLOY)
    with pytest.raises(FormatError, match=r"missing\.caffemodel"):
        make(DEPLOY, caffe.TEST, weights=str(tmp_path / "missing.caffemodel"))
    net = make(DEPLOY, caffe.TEST)
    with pytest.raises(NetError, match=r"no layer 'sofd'.*soft"):
        net.forward(end="sofd")
    with pytest.raises(NetError, match="no blob 'nothing'"):
        net.forward(blobs=["nothing"])
    net.blobs["x"].reshape(2, 7)
    with pytest.raises(NetError, match=r"layer 'ip' \(InnerProduct\).*\(2, 7\)"):
        net.forward()


def test_weights_of_another_net_name_both_files_and_shapes(make, tmp_path):
    path = tmp_path / "weights.caffemodel"
    make(DEPLOY, caffe.TEST).save(path)
    with pytest.raises(NetError, match=r"net\.prototxt with .*weights\.caffemodel.*'ip'.*\(5, 3\).*\(4, 3\)"):
        make(DEPLOY.replace("num_output: 4", "num_output: 5"), caffe.TEST, weights=path)


def test_nothing_warns_in_an_ordinary_pass(simple):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simple.forward()
        simple.backward()
