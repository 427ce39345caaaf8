"""Which weights fit which net: our rules against real Caffe's own loading."""

import numpy as np
import pytest

from prototxt.common.errors import NetError
from prototxt.formats.blob import to_proto
from prototxt.formats.schema import BlobProto, NetParameter
from prototxt.formats.text import parse_net, write_message
from prototxt.formats.weights import read_weights
from prototxt.net.fit import fit_weights
from prototxt.net.phases import filter_net
from prototxt.net.shapes import infer_shapes

NET = """
layer {{ name: "in" type: "Input" top: "data" input_param {{ shape {{ dim: 2 dim: 4 dim: 3 dim: 3 }} }} }}
layer {{ name: "it" type: "{type}" bottom: "data" top: "x" {param} }}
"""
LEGACY = BlobProto(num=1, channels=1, height=2, width=36, data=np.arange(72))
IP = "inner_product_param { num_output: 2 %s }"

# (type, settings, shapes or blobs in the file, whether they fit)
CASES = [
    ("BatchNorm", "", [(4,), (4,), (1,)], True),
    ("BatchNorm", "", [(4,), (4,)], False),
    ("BatchNorm", "", [], False),
    ("Scale", "scale_param { bias_term: true }", [(4,), (4,)], True),
    ("Scale", "scale_param { bias_term: true }", [(4,)], False),
    ("Scale", "", [(4,), (4,)], False),
    ("PReLU", "prelu_param { channel_shared: true }", [()], True),
    ("PReLU", "prelu_param { channel_shared: true }", [(1,)], False),
    ("PReLU", "", [(4,)], True),
    ("PReLU", "", [BlobProto(num=1, channels=1, height=1, width=4, data=range(4))], True),
    ("InnerProduct", IP % "", [(2, 36), (2,)], True),
    ("InnerProduct", IP % "", [LEGACY, BlobProto(num=1, channels=1, height=1, width=2, data=range(2))], True),
    ("InnerProduct", IP % "bias_term: false", [(2, 36), (2,)], False),
    ("InnerProduct", IP % "transpose: true", [(2, 36), (2,)], False),
    ("InnerProduct", IP % "transpose: true", [(36, 2), (2,)], True),
    ("Convolution", "convolution_param { num_output: 6 group: 2 kernel_size: 3 }", [(6, 2, 3, 3), (6,)], True),
    ("Convolution", "convolution_param { num_output: 6 group: 2 kernel_size: 3 }", [(6, 4, 3, 3), (6,)], False),
    ("Deconvolution", "convolution_param { num_output: 6 group: 2 kernel_size: 3 }", [(4, 3, 3, 3), (6,)], True),
    ("ReLU", "", [(1,)], False),
    ("ReLU", "", [], True),
]


def write_model(path, type, blobs):
    model = NetParameter()
    layer = model.layer.add(name="it", type=type)
    layer.blobs.extend(b if isinstance(b, BlobProto) else to_proto(np.ones(b, np.float32)) for b in blobs)
    model.layer.add(name="extra", type="Bias").blobs.append(to_proto(np.ones(3, np.float32)))
    path.write_bytes(model.SerializeToString())


def our_verdict(path, net):
    shapes = infer_shapes(filter_net(net, "TEST"))
    # A layer without blobs is not among the weights; real Caffe refuses the file, we let the layer keep its fillers.
    try:
        return fit_weights({"it": [], **shapes.params}, read_weights(path), str(path))
    except NetError as error:
        return str(error)


@pytest.mark.parametrize(("type", "param", "blobs", "fits"), CASES)
def test_verdict_and_shapes(tmp_path, type, param, blobs, fits):
    net = parse_net(NET.format(type=type, param=param))
    write_model(tmp_path / "a.caffemodel", type, blobs)
    verdict = our_verdict(tmp_path / "a.caffemodel", net)
    if fits:
        assert verdict.extra == ["extra"]
        found = [array.shape for array in verdict.weights.get("it", [])]
        assert found == infer_shapes(net).params.get("it", [])
    elif blobs:
        assert "layer 'it'" in verdict
    else:
        assert verdict.missing == ["it"]


LOAD_ALL = """
import os, sys
import caffe
for net, weights in zip(sys.argv[1::2], sys.argv[2::2]):
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        caffe.Net(net, caffe.TEST).copy_from(weights)
        os._exit(0)
    print("fits" if os.waitpid(child, 0)[1] == 0 else "refused", net)
"""


@pytest.mark.caffe
def test_real_caffe_agrees(real_caffe, tmp_path):
    files = []
    for index, (type, param, blobs, _) in enumerate(CASES):
        files += [tmp_path / f"{index}.prototxt", tmp_path / f"{index}.caffemodel"]
        write_message(files[-2], parse_net(NET.format(type=type, param=param)))
        write_model(files[-1], type, blobs)
    done = real_caffe.run_python(LOAD_ALL, *files)
    said = [line.split()[0] for line in done.stdout.splitlines() if line.startswith(("fits ", "refused "))]
    assert said == ["fits" if fits else "refused" for *_, fits in CASES], done.stdout[-3000:]
