"""How scripts use nets, solvers and messages, line by line, in both engines."""

from __future__ import annotations

import json

import numpy as np
import pytest

import torchcaffe as caffe
from prototxt.common.errors import NetError

SCRIPT = r'''
import json, os
import numpy as np
import caffe
import caffe.io
from caffe.proto import caffe_pb2
from google.protobuf import text_format

found = []

def put(*values):
    found.append([np.asarray(value).round(4).tolist() if isinstance(value, (np.ndarray, np.floating)) else value
                  for value in values])

def raises(what, call):
    try:
        call()
        put(what, "nothing")
    except Exception as error:
        put(what, [each.__name__ for each in type(error).__mro__])

def write(name, text):
    with open(name, "w") as file:
        file.write(text)

def read(name):
    with open(name, "rb") as file:
        return file.read()

write("old.prototxt", """name: "old" force_backward: true
input: "data" input_dim: 2 input_dim: 3 input_dim: 8 input_dim: 8
layers { name: "conv1" type: CONVOLUTION bottom: "data" top: "conv1" blobs_lr: 1 blobs_lr: 2
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "constant" value: 0.1 } } }
layers { name: "relu" type: RELU bottom: "conv1" top: "conv1" }
layers { name: "fc" type: INNER_PRODUCT bottom: "conv1" top: "fc"
  inner_product_param { num_output: 3 weight_filler { type: "constant" value: 0.01 } } }
layers { name: "prob" type: SOFTMAX bottom: "fc" top: "prob" }""")
net = caffe.Net("old.prototxt", caffe.TEST)
put(list(net.blobs), list(net.params), [(name, blob.data.shape) for name, blob in net.blobs.items()])
put([(name, each[0].data.shape, each[1].data.shape) for name, each in net.params.items()])
x = np.linspace(-1, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8)
net.blobs["data"].data[...] = x
put(net.forward()["prob"])
put(sorted(net.forward(data=x.astype(np.float32), blobs=["conv1"])))
raises("other input", lambda: net.forward(dat=x))
raises("other size", lambda: net.forward(data=x[:1]))
raises("no layer", lambda: net.forward(end="nope"))
raises("no blob", lambda: net.forward(blobs=["nope"]))
raises("no key", lambda: net.blobs["nope"])
raises("no file", lambda: caffe.Net("gone.prototxt", caffe.TEST))
put([(name, each.shape) for name, each in net.forward_all(data=np.concatenate([x, x, x[:1]])).items()])
net.blobs["prob"].diff[...] = 0
net.blobs["prob"].diff[0, 1] = 1
back = net.backward(diffs=["conv1"])
put(sorted(back), back["data"])
put(net.backward(prob=np.ones((2, 3), np.float32))["data"])
net.blobs["data"].reshape(1, 3, 8, 8)
net.reshape()
put(net.blobs["prob"].data.shape, net.blobs["prob"].num, net.blobs["data"].count, net.blobs["data"].width)
net.save("old.caffemodel")
message = caffe_pb2.NetParameter()
message.ParseFromString(read("old.caffemodel"))
put(message.name, [(layer.name, layer.type, len(layer.blobs)) for layer in message.layer])
other = caffe.Net("old.prototxt", "old.caffemodel", caffe.TRAIN)
other.share_with(net)
other.params["fc"][0].data[...] = 5
put(net.params["fc"][0].data)
net.params["conv1"][0].data[0, :, :, :] = net.params["conv1"][0].data[0, ::-1]
net.params["conv1"][1].data[0] += 2
put(net.params["conv1"][1].data, str(net.blobs["data"].data.dtype), net.blobs["data"].data.flags["C_CONTIGUOUS"])
put([(name, layer.type, [list(blob.data.shape) for blob in layer.blobs])
     for name, layer in zip(net._layer_names, net.layers)])

write("train.prototxt", """
layer { name: "d" type: "DummyData" top: "data" top: "label" dummy_data_param { shape { dim: 2 dim: 3 }
  shape { dim: 2 } data_filler { type: "constant" value: 1 } data_filler { type: "constant" value: 0 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 2 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }""")
settings = caffe_pb2.SolverParameter()
text_format.Merge('base_lr: 0.1 lr_policy: "fixed" max_iter: 3 snapshot_prefix: "s" display: 7', settings)
settings.train_net = "train.prototxt"
write("solver.prototxt", text_format.MessageToString(settings))
solver = caffe.SGDSolver("solver.prototxt")
calls = []
solver.add_callback(lambda: calls.append("start"), lambda: calls.append("ready"))
solver.net.before_forward(lambda layer: calls.append(layer))
solver.net.after_backward(lambda layer: calls.append(-layer))
solver.step(1)
put(calls, solver.iter, solver.net.blobs["loss"].data, round(solver.lr, 4), solver.param.max_iter,
    round(solver.param.base_lr, 4), solver.param.display, solver.param.layer_wise_reduce, len(solver.test_nets))
put(solver.net.params["ip"][0].data, solver.net.params["ip"][1].diff)
solver.net.params["ip"][0].diff[...] = 1
solver.apply_update()
put(solver.net.params["ip"][0].data, solver.iter)
solver.snapshot()
put(sorted(name for name in os.listdir(".") if name.startswith("s_iter_2")))
again = caffe.get_solver("solver.prototxt")
again.restore("s_iter_2.solverstate")
put(again.iter, again.net.params["ip"][0].data)
net = again.net
del again
put(net.forward()["loss"], [blob.data.shape for blob in net.params["ip"]])
solver.solve()
put(solver.iter)
put([name in list(caffe.layer_type_list()) for name in ("Data", "Convolution", "Python", "LSTM", "Crop")])
put(caffe.TRAIN, caffe.TEST, caffe_pb2.TRAIN, caffe_pb2.Phase.Name(1), caffe_pb2.V1LayerParameter.CONVOLUTION,
    caffe_pb2.V1LayerParameter.LayerType.Name(4), caffe_pb2.PoolingParameter.AVE,
    caffe_pb2.LayerParameter.DESCRIPTOR.fields_by_name["type"].number)
datum = caffe_pb2.Datum(channels=1, data=b"abc")
put(list(bytearray(datum.SerializeToString())), caffe_pb2.Datum.FromString(datum.SerializeToString()).channels)
print(json.dumps(found))
'''


@pytest.mark.caffe
def test_every_line_gives_the_same(in_both):
    theirs, ours = (json.loads(printed.splitlines()[-1]) for printed in in_both(SCRIPT))
    for their, our in zip(theirs, ours, strict=True):
        if isinstance(their[-1], list) and their[-1][-1:] == ["object"]:  # an exception: ours is also one of theirs
            assert (our[0], their[1][0] in our[1]) == (their[0], True)
            assert our[0] == "no key" or "RuntimeError" in our[1]
        else:
            assert our == their


ALL_IN_ONE = """
layer { name: "train" type: "DummyData" top: "data" top: "label" include { phase: TRAIN stage: "train" }
  dummy_data_param { shape { dim: 1 dim: 4 } shape { dim: 1 } } }
layer { name: "val" type: "DummyData" top: "data" top: "label" include { phase: TEST stage: "val" }
  dummy_data_param { shape { dim: 1 dim: 4 } shape { dim: 1 } } }
layer { name: "deploy" type: "Input" top: "data" include { phase: TEST stage: "deploy" }
  input_param { shape { dim: 1 dim: 4 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 2 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss"
  include { phase: TRAIN stage: "train" } include { phase: TEST stage: "val" } }
layer { name: "pred" type: "Softmax" bottom: "ip" top: "pred" include { phase: TEST stage: "deploy" } }
"""


@pytest.mark.parametrize(
    ("phase", "stage", "outputs"),
    [(caffe.TRAIN, "train", ["loss"]), (caffe.TEST, "val", ["loss"]), (caffe.TEST, "deploy", ["pred"])],
)
def test_one_file_for_training_validation_and_use(tmp_path, phase, stage, outputs):
    (tmp_path / "net.prototxt").write_text(ALL_IN_ONE)
    net = caffe.Net(str(tmp_path / "net.prototxt"), phase, stages=[stage])
    assert list(net.blobs["data"].shape) == [1, 4]
    assert net.outputs == outputs


def test_what_is_not_there_is_told_in_a_sentence_without_quotes(tmp_path):
    (tmp_path / "net.prototxt").write_text(ALL_IN_ONE)
    net = caffe.Net(tmp_path / "net.prototxt", caffe.TEST, stages=["deploy"])
    with pytest.raises(KeyError, match=r"^the net has no blob 'pret'; did you mean 'pred'\?$"):
        net.forward(blobs=["pret"])
    with pytest.raises(ValueError, match=r"^the net has no layer 'ib'"):
        net.forward(start="ib")
    with pytest.raises(NetError, match="the net's inputs are data; got dat"):
        net.forward(dat=np.zeros((1, 4)))
