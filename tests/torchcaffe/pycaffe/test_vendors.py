"""What compilers of embedded chips and converters do with ``caffe``, step by step, in both engines."""

from __future__ import annotations

import json

import pytest

NET = """
name: "ssd-like"
layer { name: "in" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 12 dim: 10 } } }
layer { name: "train" type: "DummyData" top: "label" dummy_data_param { shape { dim: 1 } } include { phase: TRAIN } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" batch_norm_param { use_global_stats: true } }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
layer { name: "prelu" type: "PReLU" bottom: "conv" top: "conv" }
layer { name: "drop" type: "Dropout" bottom: "conv" top: "dropped" }
layer { name: "pool" type: "Pooling" bottom: "dropped" top: "pool" pooling_param { pool: AVE global_pooling: true } }
layer { name: "ip" type: "InnerProduct" bottom: "pool" top: "ip" inner_product_param { num_output: 5 } }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
layer { name: "top" type: "ArgMax" bottom: "ip" top: "class" }
"""
MAKE = """
import numpy as np
random = np.random.RandomState(0)
net = caffe.Net("net.prototxt", caffe.TEST)
for blobs in net.params.values():
    for blob in blobs:
        blob.data[...] = random.rand(*blob.data.shape)
net.save("net.caffemodel")
"""
COMPILER = r"""
import json
import numpy as np
from caffe.proto import caffe_pb2
from google.protobuf import text_format

net = caffe.Net("net.prototxt", "net.caffemodel", caffe.TEST)
message = caffe_pb2.NetParameter()
text_format.Merge(open_text("net.prototxt"), message)
weights = caffe_pb2.NetParameter()
weights.ParseFromString(open_bytes("net.caffemodel"))
found = {"inputs": list(net.inputs), "outputs": list(net.outputs)}
for name, shape in zip(net.inputs, [(2, 3, 14, 11)]):
    net.blobs[name].reshape(*shape)
net.reshape()
found["shapes"] = {name: list(blob.shape) for name, blob in net.blobs.items() if "_split_" not in name}
for layer in message.layer:
    if any(rule.HasField("phase") and rule.phase != 1 for rule in layer.include):
        continue
    blobs = net.layer_dict[layer.name].blobs
    stored = next((each.blobs for each in weights.layer if each.name == layer.name), [])
    assert len(blobs) == len(stored)
    found[layer.name] = [net.layer_dict[layer.name].type, layer.convolution_param.num_output]
    for blob, proto in zip(blobs, stored):
        assert list(blob.shape) == list(proto.shape.dim)
        assert np.array_equal(blob.data.ravel(), np.array(proto.data, np.float32))
net.blobs["data"].data[...] = np.linspace(-1, 1, net.blobs["data"].count).reshape(net.blobs["data"].data.shape)
for name, array in net.forward().items():
    found["value of " + name] = np.round(array.astype(float), 4).ravel().tolist()
for layer in message.layer:  # and write another net, by message
    layer.name = "again_" + layer.name
with open("again.prototxt", "w") as file:
    file.write(text_format.MessageToString(message))
found["again"] = list(caffe.Net("again.prototxt", caffe.TEST)._layer_names)[:2]
print(json.dumps(found, sort_keys=True))
"""
READ = """
import caffe
def open_text(name):
    with open(name) as file:
        return file.read()
def open_bytes(name):
    with open(name, "rb") as file:
        return file.read()
"""


@pytest.mark.caffe
def test_a_compiler_finds_the_same_net(in_both, tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    theirs, ours = (json.loads(printed.splitlines()[-1]) for printed in in_both(READ + MAKE + COMPILER))
    assert ours == theirs
    assert ours["shapes"]["conv"] == [2, 4, 12, 9]
