"""Faults of stock Caffe 1.0 that torchcaffe does not have, shown in real Caffe (docs/caffe-compatibility.md)."""

import signal

import numpy as np
import pytest

from prototxt.formats.text import parse_net
from prototxt.lint import lint_net
from torchcaffe.network import Network

FILLER = 'weight_filler { type: "gaussian" std: 0.3 }'
BELOW = f"""force_backward: true
layer {{ name: "data" type: "Input" top: "data" top: "tgt" top: "cont"
  input_param {{ shape {{ dim: 3 dim: 2 dim: 5 dim: 4 }} shape {{ dim: 3 dim: 5 }} shape {{ dim: 3 dim: 2 }} }} }}
layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param {{ num_output: 2 kernel_size: 3
  {FILLER} }} }}
"""
ABOVE = f"""layer {{ name: "ip" type: "InnerProduct" bottom: "flat" top: "ip"
  inner_product_param {{ num_output: 5 {FILLER} }} }}
layer {{ name: "loss" type: "EuclideanLoss" bottom: "ip" bottom: "tgt" top: "loss" }}
"""
RECURRENT = f"recurrent_param {{ num_output: 4 {FILLER} }}"
SHARING = {
    "Reshape": 'layer { name: "s" type: "Reshape" bottom: "conv" top: "s" '
    "reshape_param { shape { dim: 0 dim: 2 dim: -1 } } }",
    "Concat": 'layer { name: "s" type: "Concat" bottom: "conv" top: "s" }',
    "Slice": 'layer { name: "s" type: "Slice" bottom: "conv" top: "s" }',
    "LSTM": f'layer {{ name: "s" type: "LSTM" bottom: "conv" bottom: "cont" top: "s" {RECURRENT} }}',
    "RNN": f'layer {{ name: "s" type: "RNN" bottom: "conv" bottom: "cont" top: "s" {RECURRENT} }}',
}
FLATTEN = 'layer { name: "flat" type: "Flatten" bottom: "s" top: "flat" }'
INSTEAD = 'layer { name: "flat" type: "Reshape" bottom: "s" top: "flat" reshape_param { shape { dim: 0 dim: -1 } } }'

BACKWARD = """
import sys, numpy as np, caffe
folder, names = sys.argv[1], sys.argv[2:]
for name in names:
    net = caffe.Net(folder + "/" + name + ".prototxt", caffe.TRAIN)
    arrays = np.load(folder + "/" + name + ".npz")
    for key in arrays.files:
        if key in net.blobs:
            net.blobs[key].data[...] = arrays[key]
        else:
            layer, index = key.rsplit(".", 1)
            net.params[layer][int(index)].data[...] = arrays[key]
    net.forward()
    net.backward()
    np.save(folder + "/" + name, net.params["conv"][0].diff)
"""


@pytest.mark.caffe
def test_gradients_pass_flatten(real_caffe, tmp_path):
    """BVLC/caffe #6769: Flatten loses the gradient behind a layer that only shares memory; a Reshape does not."""
    texts = {f"{kind}-flatten": BELOW + layer + FLATTEN + ABOVE for kind, layer in SHARING.items()}
    texts |= {f"{kind}-reshape": BELOW + layer + INSTEAD + ABOVE for kind, layer in SHARING.items()}
    ours = {}
    for name, text in texts.items():
        (tmp_path / f"{name}.prototxt").write_text(text)
        network = Network(parse_net(text), "TRAIN", seed=1)
        rng = np.random.default_rng(2)
        given = {blob: rng.standard_normal(shape).astype(np.float32) for blob, shape in inputs(network).items()}
        given["cont"] = np.array([[0, 0], [1, 1], [1, 1]], np.float32)
        network.loss(network.run(given)).backward()
        ours[name] = network.params["conv"][0].grad.numpy()
        blobs = {
            f"{layer}.{index}": blob for layer, each in network.weights().items() for index, blob in enumerate(each)
        }
        np.savez(tmp_path / name, **given, **blobs)
    done = real_caffe.run_python(BACKWARD, tmp_path, *texts)
    for name in texts:
        theirs = np.load(tmp_path / f"{name}.npy")
        if name.endswith("reshape"):
            np.testing.assert_allclose(ours[name], theirs, rtol=1e-4, atol=1e-6, err_msg=name)
        else:
            assert abs(ours[name]).max() > 0, done.stdout[-2000:]
            assert not theirs.any(), f"{name}: this Caffe has been mended"
            np.testing.assert_allclose(ours[name], ours[name.replace("flatten", "reshape")], rtol=1e-5, atol=1e-7)
        assert any("#6769" in sentence for sentence in lint_net(parse_net(texts[name]))) == name.endswith("flatten")


def inputs(network: Network) -> dict[str, tuple[int, ...]]:
    return {value.blob: network.shapes.values[value] for value in network.graph.inputs}


FILTER = """name: "filter"
layer { name: "in" type: "Input" top: "x" top: "keep" input_param { shape { dim: 3 dim: 2 } shape { dim: 3 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "ip" inner_product_param { num_output: 2 } }
layer { name: "filter" type: "Filter" bottom: "ip" bottom: "keep" top: "kept" loss_weight: 1 }
"""
ENDED = """
import os, sys, caffe
child = os.fork()
if not child:
    net = caffe.Net(sys.argv[1], caffe.TRAIN)
    net.blobs["keep"].data[...] = float(sys.argv[2])
    net.forward()
    net.backward()
    os._exit(0)
print("ended by signal", os.WTERMSIG(os.waitpid(child, 0)[1]))
"""


@pytest.mark.caffe
def test_a_filter_that_no_item_passes(real_caffe, tmp_path):
    (tmp_path / "net.prototxt").write_text(FILTER)
    network = Network(parse_net(FILTER), "TRAIN", seed=1)
    values = network.run({"x": np.ones((3, 2), np.float32), "keep": np.zeros(3, np.float32)})
    assert values[network.graph.value("kept")].shape == (0, 2)
    network.loss(values).backward()
    assert not network.params["ip"][0].grad.any()
    done = real_caffe.run_python(ENDED, tmp_path / "net.prototxt", "0")
    assert f"ended by signal {signal.SIGFPE.value}" in done.stdout


@pytest.mark.caffe
def test_a_filter_in_a_net_with_force_backward(real_caffe, tmp_path):
    text = "force_backward: true " + FILTER
    (tmp_path / "net.prototxt").write_text(text)
    network = Network(parse_net(text), "TRAIN", seed=1)
    given = {"x": np.ones((3, 2), np.float32), "keep": np.ones(3, np.float32)}
    network.loss(network.run(given)).backward()
    assert network.params["ip"][0].grad.any()
    done = real_caffe.run_python(ENDED, tmp_path / "net.prototxt", "1").stdout
    assert "cannot backpropagate to filter index inputs" in done
    assert f"ended by signal {signal.SIGABRT.value}" in done
