import runpy
from pathlib import Path
from unittest.mock import patch

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prototxt.common.errors import FormatError, NetError
from prototxt.formats import wire
from prototxt.formats.schema import BlobProto, NetParameter, V0LayerParameter, V1LayerParameter
from prototxt.formats.text import parse_net, read_net, write_message
from prototxt.formats.weights import read_model, read_weights, weights_hash, write_weights
from prototxt.formats.weights_hdf5 import read_hdf5

NET = parse_net("""
name: "small"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 dim: 5 dim: 5 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        param { lr_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
        convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "prelu" type: "PReLU" bottom: "conv1" top: "conv1" prelu_param { channel_shared: true } }
layer { name: "ip" type: "InnerProduct" bottom: "conv1" top: "ip" inner_product_param { num_output: 2 } }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
""")
SHAPES = {"conv1": [(4, 3, 3, 3), (4,)], "prelu": [()], "ip": [(2, 36), (2,)]}


def make_weights(shapes=SHAPES):
    rng = np.random.default_rng(1)
    return {name: [rng.standard_normal(s).astype(np.float32) for s in blobs] for name, blobs in shapes.items()}


def assert_same(found, wanted):
    assert {k: [a.shape for a in v] for k, v in found.items()} == {k: [a.shape for a in v] for k, v in wanted.items()}
    for name, arrays in wanted.items():
        for a, b in zip(found[name], arrays, strict=True):
            assert a.dtype == np.float32
            assert a.tobytes() == b.tobytes()


def test_a_name_that_is_no_utf8_is_the_same_in_text_and_weights(tmp_path):
    text = b"name: 'gr\xf6\xdfe' layer { name: 'caf\xe9' type: 'InnerProduct' bottom: '\xe9' bottom: 'b' }"
    (tmp_path / "net.prototxt").write_bytes(text)
    named = b"\x0a\x04caf\xe9\x12\x0cInnerProduct\x1a\x01\xe9\x1a\x01b\x3a\x06\x2a\x04" + np.float32(3).tobytes()
    (tmp_path / "a.caffemodel").write_bytes(wire.delimited(1, b"gr\xf6\xdfe") + wire.delimited(100, named))
    net, weights = read_model(tmp_path / "a.caffemodel")
    assert list(weights) == [read_net(tmp_path / "net.prototxt").layer[0].name] == ["café"]
    assert (net.name, list(net.layer[0].bottom)) == ("größe", ["é", "b"])


@pytest.mark.parametrize("suffix", ["caffemodel", "caffemodel.h5"])
def test_round_trip(tmp_path, suffix):
    weights = make_weights()
    write_weights(tmp_path / f"a.{suffix}", NET, weights)
    found = read_weights(tmp_path / f"a.{suffix}")
    assert_same(found, weights)
    assert weights_hash(found) == weights_hash(weights)
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{suffix}"]
    for array in found["conv1"]:
        array += 1  # arrays are the reader's own


def test_file_is_what_protobuf_would_write(tmp_path):
    weights = make_weights()
    write_weights(tmp_path / "a.caffemodel", NET, weights)
    model = NetParameter()
    model.CopyFrom(NET)
    for layer in model.layer:
        for array in weights.get(layer.name, []):
            layer.blobs.add(data=array.ravel().tolist(), shape={"dim": array.shape})
    assert (tmp_path / "a.caffemodel").read_bytes() == model.SerializeToString(deterministic=True)
    net, found = read_model(tmp_path / "a.caffemodel")
    assert net == NET
    assert_same(found, weights)


def test_other_float_types_and_strides_become_float32(tmp_path):
    weights = {"ip": [np.arange(72.0).reshape(36, 2).T, np.array([1, 2], np.float16)]}
    write_weights(tmp_path / "a.caffemodel", NET, weights)
    np.testing.assert_array_equal(read_weights(tmp_path / "a.caffemodel")["ip"][0], weights["ip"][0])


def test_layer_without_its_weights_is_left_out(tmp_path):
    weights = make_weights()
    del weights["ip"]
    write_weights(tmp_path / "a.caffemodel", NET, weights)
    net, found = read_model(tmp_path / "a.caffemodel")
    assert [layer.name for layer in net.layer] == ["data", "conv1", "prelu", "prob"]
    assert_same(found, weights)


@pytest.mark.parametrize("suffix", ["caffemodel", "h5"])
def test_weights_of_an_unknown_layer_are_refused(tmp_path, suffix):
    with pytest.raises(NetError, match="there are weights for fc9, which the net does not have"):
        write_weights(tmp_path / f"a.{suffix}", NET, {"fc9": []})
    assert list(tmp_path.iterdir()) == []


SHARED = parse_net("""
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 } } }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a" param { name: "w" } param { name: "b" }
        inner_product_param { num_output: 2 } }
layer { name: "z" type: "InnerProduct" bottom: "a" top: "z" param { name: "w" } param { name: "own" }
        inner_product_param { num_output: 2 } }
layer { name: "c" type: "InnerProduct" bottom: "z" top: "c" param { name: "w" } param { name: "b" }
        inner_product_param { num_output: 2 } }
""")


def shared_weights():
    w, b, own = np.full((2, 2), 1, "f4"), np.full(2, 2, "f4"), np.full(2, 3, "f4")
    return {"a": [w, b], "z": [w, own], "c": [w, b]}


def test_shared_parameters(tmp_path):
    weights = shared_weights()
    write_weights(tmp_path / "a.h5", SHARED, weights)
    with h5py.File(tmp_path / "a.h5") as file:
        assert {name: list(group) for name, group in file["data"].items()} == {
            "a": ["0", "1"],
            "c": [],
            "data": [],
            "z": ["1"],
        }
    assert_same(read_weights(tmp_path / "a.h5", SHARED), weights)
    with pytest.raises(FormatError, match="layer 'z' has no blob 0: it shares that parameter; read the file with its"):
        read_weights(tmp_path / "a.h5")
    del weights["c"]
    write_weights(tmp_path / "a.caffemodel", SHARED, weights)
    assert_same(read_weights(tmp_path / "a.caffemodel"), shared_weights())


def test_slash_in_a_name_nests_groups(tmp_path):
    net = parse_net('layer { name: "a" type: "Bias" } layer { name: "a/b" type: "Bias" }')
    weights = {"a": [np.ones(2, "f4")], "a/b": [np.zeros(3, "f4")]}
    write_weights(tmp_path / "a.h5", net, weights)
    assert_same(read_weights(tmp_path / "a.h5"), weights)


def test_v1_and_v0_layers(tmp_path):
    blob = BlobProto(num=1, channels=1, height=1, width=3, data=[1, 2, 3])
    v1 = NetParameter(layers=[V1LayerParameter(name="one", type="CONVOLUTION", blobs=[blob])])
    v0 = NetParameter(layers=[V1LayerParameter(layer=V0LayerParameter(name="one", type="conv", blobs=[blob, blob]))])
    for net, count in [(v1, 1), (v0, 2)]:
        (tmp_path / "a.caffemodel").write_bytes(net.SerializeToString())
        carried, weights = read_model(tmp_path / "a.caffemodel")
        assert_same(weights, {"one": [np.array([1, 2, 3], "f4").reshape(1, 1, 1, 3)] * count})
        assert [(layer.name, layer.type, len(layer.blobs)) for layer in carried.layer] == [("one", "Convolution", 0)]


def test_of_layers_of_one_name_the_last_counts(tmp_path):
    net = NetParameter()
    for value in (1, 2):
        net.layer.add(name="ip", type="InnerProduct", blobs=[BlobProto(shape={"dim": [1]}, data=[value])])
    net.layer.add(name="ip", type="ReLU")
    (tmp_path / "a.caffemodel").write_bytes(net.SerializeToString())
    assert read_weights(tmp_path / "a.caffemodel")["ip"] == [np.float32([2])]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "whole.caffemodel"
    write_weights(path, NET, make_weights())
    return path.read_bytes()


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_truncated_at_any_byte(tmp_path_factory, whole, data):
    folder = tmp_path_factory.mktemp("cut")
    # A cut between two layers leaves a whole, smaller caffemodel, as protobuf has no mark for the end.
    ends = {field.stop for field in wire.fields(memoryview(whole), 0, len(whole))}
    cut = data.draw(st.integers(0, len(whole) - 1).filter(lambda at: at not in ends))
    path = folder / "cut.caffemodel"
    path.write_bytes(whole[:cut])
    with pytest.raises(FormatError) as error:
        read_weights(path)
    assert str(error.value).startswith(f"{path}: ")


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_damaged_at_any_byte(tmp_path_factory, whole, data):
    folder = tmp_path_factory.mktemp("bad")
    damaged = bytearray(whole)
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=4)):
        damaged[at] = data.draw(st.integers(0, 255))
    path = folder / "bad.caffemodel"
    path.write_bytes(damaged)
    try:
        found = read_weights(path)
    except FormatError as error:
        found = {str(error): []}
    assert all(array.dtype == np.float32 for arrays in found.values() for array in arrays)


def test_truncated_hdf5(tmp_path):
    path = tmp_path / "a.caffemodel.h5"
    write_weights(path, NET, make_weights())
    whole = path.read_bytes()
    for cut in range(9, len(whole) - 1, 257):
        path.write_bytes(whole[:cut])
        with pytest.raises(FormatError, match="is truncated or damaged HDF5"):
            read_weights(path)
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(FormatError, match="has no group /data"):
        read_weights(path)


def test_files_that_are_no_caffemodel(tmp_path):
    write_message(tmp_path / "net.prototxt", NET)
    (tmp_path / "a.pth").write_bytes(b"PK\x03\x04" + bytes(60))
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "a.h5").write_bytes(b"no hdf5 at all")
    (tmp_path / "name_only").write_bytes(NetParameter(name="x").SerializeToString())
    (tmp_path / "lfs").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    for name, sentence in [
        ("net.prototxt", r"is text \(a prototxt\?\); a .caffemodel file is expected"),
        ("a.pth", "is a PyTorch or zip file"),
        ("empty", "is empty"),
        ("a.h5", r"is text \(a prototxt\?\), not HDF5"),
        ("name_only", "holds no layer, so it is no caffemodel"),
        ("lfs", "is a Git LFS pointer"),
        ("gone", "no such file; give the path of a .caffemodel file"),
        (".", "is a folder"),
    ]:
        with pytest.raises(FormatError, match=sentence):
            read_weights(tmp_path / name)


@pytest.mark.parametrize("length", [9, 70, 126, 2000])
def test_a_long_name_at_the_beginning_is_no_text(tmp_path, length):
    net = NetParameter(name="n" * length, layer=NET.layer)
    write_weights(tmp_path / "a.caffemodel", net, make_weights())
    assert_same(read_weights(tmp_path / "a.caffemodel"), make_weights())


def test_hdf5_read_by_itself(tmp_path):
    write_weights(tmp_path / "a.caffemodel", NET, make_weights())
    for name, sentence in [
        ("gone.h5", "no such file; give the path of a .caffemodel.h5"),
        ("a.caffemodel", "not HDF5"),
    ]:
        with pytest.raises(FormatError, match=sentence):
            read_hdf5(tmp_path / name)


def test_more_than_two_gib(tmp_path):
    large = {"ip": [np.broadcast_to(np.float32(0), (2**15, 2**14)), np.zeros(2)]}
    with (
        patch("numpy.asarray", side_effect=lambda array, *_, **__: array),  # no copy: the size is known before
        pytest.raises(FormatError, match=r"a.caffemodel: 2.00 GiB are more than .* use a.caffemodel.h5 \(HDF5\)"),
    ):
        write_weights(tmp_path / "a.caffemodel", NET, large)
    assert list(tmp_path.iterdir()) == []
    with (tmp_path / "b.caffemodel").open("wb") as file:
        file.write(b"\xa2\x06")
        file.truncate(2**31)  # sparse
    with pytest.raises(FormatError, match=r"b.caffemodel: 2.00 GiB are more"):
        read_weights(tmp_path / "b.caffemodel")


def test_hash_sees_names_shapes_values_and_no_order():
    weights = make_weights()
    assert len(weights_hash(weights)) == 64
    assert weights_hash(dict(reversed(weights.items()))) == weights_hash(weights)
    ip, bias = weights["ip"]
    for other in [
        {**weights, "ip": [ip.reshape(36, 2), bias]},
        {**weights, "ip": [ip, bias + 1e-3]},
        {"conv1": weights["conv1"], "prelu": weights["prelu"], "fc": [ip, bias]},
    ]:
        assert weights_hash(other) != weights_hash(weights)
    strided = np.asfortranarray(ip)
    assert weights_hash({**weights, "ip": [strided, bias]}) == weights_hash(weights)


@pytest.mark.long
def test_speed_of_sixty_million_weights(tmp_path):
    bench = runpy.run_path(str(Path(__file__).resolve().parents[3] / "benchmarks/bench_weights.py"))
    seconds = bench["measure"](tmp_path)
    assert seconds["write .caffemodel"] < 1
    assert seconds["read .caffemodel"] < 1.5


@pytest.mark.data
@pytest.mark.parametrize(
    "path",
    ["lenet/lenet_iter_10000", "cifar10_quick/cifar10_quick_iter_5000", "mtcnn/mtcnn_det3"],
)
def test_files_that_real_caffe_wrote_come_back_byte_by_byte(data_folder, tmp_path, path):
    original = data_folder / f"models/{path}.caffemodel"
    net, weights = read_model(original)
    write_weights(tmp_path / "a.caffemodel", net, weights)
    assert (tmp_path / "a.caffemodel").read_bytes() == original.read_bytes()


@pytest.mark.data
def test_all_files_against_protobuf_alone(data_folder):
    for path in sorted(data_folder.glob("models/*/*.caffemodel")):
        model, weights = NetParameter.FromString(path.read_bytes()), read_weights(path)
        blobs = {layer.name: layer.blobs for layer in [*model.layer, *model.layers] if layer.blobs}
        assert list(blobs) == list(weights)
        for name, arrays in weights.items():
            for blob, array in zip(blobs[name], arrays, strict=True):
                np.testing.assert_array_equal(array.ravel(), np.array(blob.data, "f4"))


PYCAFFE = """
import sys, caffe, numpy as np
net = caffe.Net(sys.argv[1], caffe.TEST)
net.copy_from(sys.argv[2]) if sys.argv[2].endswith("caffemodel") else net.load_hdf5(sys.argv[2])
np.savez(sys.argv[3], **{name + "." + str(i): blob.data for name, blobs in net.params.items()
                         for i, blob in enumerate(blobs)})
net.save(sys.argv[4])
net.save_hdf5(sys.argv[4] + ".h5")
"""


@pytest.mark.caffe
@pytest.mark.parametrize("suffix", ["caffemodel", "h5"])
@pytest.mark.parametrize("shared", [False, True])
def test_real_caffe_reads_and_writes_the_same(real_caffe, tmp_path, suffix, shared):
    net, weights = (SHARED, shared_weights()) if shared else (NET, make_weights())
    write_message(tmp_path / "net.prototxt", net)
    write_weights(tmp_path / f"a.{suffix}", net, weights)
    files = [tmp_path / name for name in ("net.prototxt", f"a.{suffix}", "found.npz", "theirs.caffemodel")]
    done = real_caffe.run_python(PYCAFFE, *files)
    assert done.returncode == 0, done.stdout
    with np.load(tmp_path / "found.npz") as found:
        for name, arrays in weights.items():
            for index, array in enumerate(arrays):
                np.testing.assert_array_equal(found[f"{name}.{index}"], array)
    assert_same(read_weights(tmp_path / "theirs.caffemodel"), weights)
    assert_same(read_weights(tmp_path / "theirs.caffemodel.h5", net), weights)
    carried = read_model(tmp_path / "theirs.caffemodel")[0]
    for layer in carried.layer:
        layer.ClearField("phase")
    assert list(carried.layer) == list(net.layer)


OF_EVERY_KIND = parse_net("""
layer { name: "data" type: "Input" top: "data" top: "cont"
        input_param { shape { dim: 2 dim: 3 dim: 4 } shape { dim: 2 dim: 3 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 2 axis: 2 } }
layer { name: "bn" type: "BatchNorm" bottom: "ip" top: "bn" }
layer { name: "sc" type: "Scale" bottom: "bn" top: "sc" scale_param { bias_term: true } }
layer { name: "product" type: "Scale" bottom: "sc" bottom: "ip" top: "product" scale_param { axis: 0 } }
layer { name: "bias" type: "Bias" bottom: "product" top: "bias" }
layer { name: "sum" type: "Bias" bottom: "bias" bottom: "ip" top: "sum" bias_param { axis: 0 } }
layer { name: "prelu" type: "PReLU" bottom: "sum" top: "prelu" }
layer { name: "lstm" type: "LSTM" bottom: "prelu" bottom: "cont" top: "lstm" recurrent_param { num_output: 2 } }
layer { name: "rnn" type: "RNN" bottom: "lstm" bottom: "cont" top: "rnn" recurrent_param { num_output: 2 } }
layer { name: "relu" type: "ReLU" bottom: "rnn" top: "rnn" }
""")


@pytest.mark.caffe
@pytest.mark.parametrize("suffix", ["caffemodel", "h5"])
def test_real_caffe_fills_what_a_file_leaves_out(real_caffe, tmp_path, suffix):
    write_message(tmp_path / "net.prototxt", OF_EVERY_KIND)
    write_weights(tmp_path / f"a.{suffix}", OF_EVERY_KIND, {"bias": [np.full(3, 7, "f4")]})
    files = [tmp_path / name for name in ("net.prototxt", f"a.{suffix}", "found.npz", "theirs.caffemodel")]
    done = real_caffe.run_python(PYCAFFE, *files)
    assert done.returncode == 0, done.stdout
    with np.load(tmp_path / "found.npz") as found:
        assert {name.split(".")[0] for name in found} == {"ip", "bn", "sc", "bias", "prelu", "lstm", "rnn"}
        np.testing.assert_array_equal(found["bias.0"], 7)
    if suffix == "caffemodel":
        carried = [layer.name for layer in read_model(tmp_path / "a.caffemodel")[0].layer]
        assert carried == ["data", "product", "bias", "sum", "relu"]
