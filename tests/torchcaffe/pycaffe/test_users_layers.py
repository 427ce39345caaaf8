"""Layers that a user writes: BVLC's test_python_layer.py, said anew, and more."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import torchcaffe as caffe
from prototxt.common.errors import NetError
from torchcaffe.__main__ import main

MODULE = '''
import caffe
import caffe.io
from caffe.proto import caffe_pb2


class Odd(Exception):
    """An exception of the user's own, which is made of two things."""

    def __init__(self, one, other):
        self.one, self.other = one, other


class Times(caffe.Layer):
    def setup(self, bottom, top):
        self.factor = float(self.param_str)

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        top[0].data[...] = self.factor * bottom[0].data

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = self.factor * top[0].diff


class Phase(caffe.Layer):
    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        top[0].reshape()

    def forward(self, bottom, top):
        top[0].data[()] = self.phase
        assert self.type == "Python"


class Fails(Times):
    """Fails in the method that param_str names, as it says."""

    def setup(self, bottom, top):
        self.where, self.factor = self.param_str, 1
        self.fail("setup")

    def fail(self, where):
        if where == self.where:
            raise Odd(where, 2)

    def reshape(self, bottom, top):
        self.fail("reshape")
        Times.reshape(self, bottom, top)

    def forward(self, bottom, top):
        self.fail("forward")
        Times.forward(self, bottom, top)

    def backward(self, top, propagate_down, bottom):
        self.fail("backward")
        {"missing": []}["key"]


class NoBackward(caffe.Layer):
    def setup(self, bottom, top):
        pass

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        pass
'''
SCRIPT = r'''
import json, sys
import caffe

sys.path.insert(0, ".")
NET = """force_backward: true layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 3 dim: 2 } } }
layer { name: "users" type: "Python" bottom: "x" top: "y" python_param { module: "%s" layer: "%s" param_str: "%s" } }
layer { name: "next" type: "Power" bottom: "y" top: "z" power_param { scale: 2 } }"""

def outcome(*words):
    with open("net.prototxt", "w") as file:
        file.write(NET % words)
    at = "made"
    try:
        net = caffe.Net("net.prototxt", caffe.TEST)
        at = "forward"
        net.forward()
        at = "backward"
        net.backward()
        return "through"
    except Exception as error:
        return [at, type(error).__name__, [error.one, error.other] if hasattr(error, "one") else None]

cases = [("of_users", "Times", "10"), ("of_users", "Times", "ten"), ("of_users", "NoBackward", ""),
         ("of_users", "Gone", ""), ("gone_module", "Times", "1"), ("broken", "Times", "1"), ("raising", "Times", "1")]
cases += [("of_users", "Fails", where) for where in ("setup", "reshape", "forward", "backward", "none")]
print(json.dumps([[case, outcome(*case)] for case in cases]))
'''


PRODUCT = '''
import numpy as np
import caffe


class Product(caffe.Layer):
    """A matrix of its own, whose shape it learns in setup."""

    def setup(self, bottom, top):
        self.blobs.add_blob(1)
        self.blobs[0].reshape(bottom[0].channels, 2)
        self.blobs[0].data[...] = np.arange(self.blobs[0].count).reshape(self.blobs[0].data.shape)
        print(len(self.blobs), list(self.blobs[0].shape), self.param_str, self.phase, len(bottom), len(top))

    def reshape(self, bottom, top):
        top[0].reshape(bottom[0].num, 2)

    def forward(self, bottom, top):
        top[0].data[...] = bottom[0].data.dot(self.blobs[0].data)

    def backward(self, top, propagate_down, bottom):
        self.blobs[0].diff[...] += bottom[0].data.T.dot(top[0].diff)
        if propagate_down[0]:
            bottom[0].diff[...] = top[0].diff.dot(self.blobs[0].data.T)
'''
PRODUCTS = r"""
import sys
import numpy as np
import caffe

sys.path.insert(0, ".")
with open("net.prototxt", "w") as file:
    file.write('''force_backward: true
    layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 3 dim: 4 } } }
    layer { name: "t" type: "Input" top: "t" input_param { shape { dim: 3 dim: 2 } } }
    layer { name: "p" type: "Python" bottom: "x" top: "y" param { lr_mult: 2 }
      python_param { module: "product" layer: "Product" param_str: "{'a': 1}" } }
    layer { name: "l" type: "EuclideanLoss" bottom: "y" bottom: "t" top: "loss" }''')
net = caffe.Net("net.prototxt", caffe.TRAIN)
net.blobs["x"].data[...] = np.arange(12).reshape(3, 4)
net.blobs["t"].data[...] = 1
print(net.forward())
net.backward()
weights = net.params["p"][0]
print(weights.data.tolist(), weights.diff.round(2).tolist(), net.blobs["x"].diff.round(2).tolist())
net.blobs["x"].reshape(2, 4)
net.blobs["t"].reshape(2, 2)
net.reshape()
print(net.blobs["y"].data.shape, net.forward())
net.save("net.caffemodel")
print(caffe.Net("net.prototxt", "net.caffemodel", caffe.TEST).params["p"][0].data)
"""


@pytest.fixture
def of_users(tmp_path, monkeypatch):
    """A folder with the module, where Python finds it."""
    (tmp_path / "of_users.py").write_text(MODULE)
    (tmp_path / "product.py").write_text(PRODUCT)
    (tmp_path / "broken.py").write_text("def (")
    (tmp_path / "raising.py").write_text("{}['key']")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("of_users", "product", "broken", "raising"):
        sys.modules.pop(name, None)


@pytest.fixture
def make(of_users):
    def make(layer: str, param_str: str = "10", bottom: bool = True) -> caffe.Net:
        text = (
            'force_backward: true layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 3 dim: 2 } } }'
        )
        read = 'bottom: "x"' if bottom else ""
        text += f' layer {{ name: "users" type: "Python" {read} top: "y" python_param {{ module: "of_users"'
        text += f' layer: "{layer}" param_str: "{param_str}" }} }}'
        (of_users / "net.prototxt").write_text(text)
        return caffe.Net("net.prototxt", caffe.TRAIN)

    return make


@pytest.mark.caffe
def test_exceptions_are_the_same_as_in_pycaffe(of_users, in_both):
    theirs, ours = (json.loads(printed.splitlines()[-1]) for printed in in_both(SCRIPT))
    # Real Caffe prints what kept a module from being loaded, and then raises a SystemError that says nothing.
    lost = ["made", "SystemError", None]
    assert [found for _, found in theirs].count(lost) == 4
    for (case, their), (_, our) in zip(theirs, ours, strict=True):
        assert our == their or their == lost, case
    assert [found[1] for _, found in ours[3:7]] == ["AttributeError", "ModuleNotFoundError", "SyntaxError", "KeyError"]
    assert {case[2]: found for case, found in ours}["forward"] == ["forward", "Odd", ["forward", 2]]


@pytest.mark.caffe
def test_a_parameter_whose_shape_is_learned_in_setup(of_users, in_both):
    theirs, ours = in_both(PRODUCTS)
    assert ours == theirs
    assert "[4, 2] {'a': 1} 0 1 1" in ours


def test_forward_backward_and_shapes(make):
    net = make("Times", "10")
    net.blobs["x"].reshape(4, 4, 4)
    net.blobs["x"].data[...] = 8
    assert (net.forward()["y"] == 80).all()
    assert net.blobs["y"].data.shape == (4, 4, 4)
    net.blobs["y"].diff[...] = 7
    assert (net.backward()["x"] == 70).all()


def test_the_phase(make):
    assert make("Phase", bottom=False).forward()["y"] == caffe.TRAIN


def test_a_note_says_where(make):
    net = make("Fails", "forward")
    with pytest.raises(sys.modules["of_users"].Odd) as raised:
        net.forward()
    assert "layer 'users' (Python): Fails.forward failed with Odd" in raised.value.__notes__[0]
    assert "of_users.py:" in raised.value.__notes__[0]


def test_an_exception_in_a_solver(make, of_users):
    make("Fails", "forward")
    settings = 'net: "net.prototxt" base_lr: 1 lr_policy: "fixed" max_iter: 1 snapshot_after_train: false'
    (of_users / "solver.prototxt").write_text(settings)
    solver = caffe.SGDSolver("solver.prototxt")
    with pytest.raises(sys.modules["of_users"].Odd):
        solver.net.forward()
    with pytest.raises(sys.modules["of_users"].Odd):
        solver.step(1)


def test_a_command_says_it_in_a_sentence(make, of_users, capsys):
    make("Fails", "none")
    text = (of_users / "net.prototxt").read_text()
    (of_users / "net.prototxt").write_text(text.replace('"none"', '"setup"'))
    with pytest.raises(SystemExit) as ended:
        main(["time", "-model", "net.prototxt", "-iterations", "1"])
    assert ended.value.code == 1
    assert "error: layer 'users' (Python): Fails.setup failed with Odd" in capsys.readouterr().err


def test_errors_are_runtime_errors(tmp_path):
    with pytest.raises(RuntimeError, match="no such file"):
        caffe.Net(str(tmp_path / "gone.prototxt"), caffe.TEST)
    assert issubclass(NetError, RuntimeError)


def test_a_parameter_takes_another_shape(tmp_path):
    """As real pycaffe does, number by number."""
    text = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }'
    text += ' layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 4 } }'
    (tmp_path / "net.prototxt").write_text(text)
    net = caffe.Net(tmp_path / "net.prototxt", caffe.TEST)
    weights = net.params["ip"][0]
    weights.data[...] = np.arange(12).reshape(4, 3)
    weights.reshape(2, 3)
    assert weights.data.tolist() == [[0, 1, 2], [3, 4, 5]]
    weights.reshape(3, 4)
    assert weights.data.ravel().tolist() == list(range(12))
    weights.reshape(2, 3)
    net.params["ip"][1].reshape(2)
    assert net.forward()["y"].shape == (2, 2)
    weights.reshape(5, 3)
    assert net.layers[1].blobs[0].data.tolist() == np.zeros((5, 3)).tolist()
    with pytest.raises(NetError, match="axes are 0 or more"):
        weights.reshape(-1)


def test_places_of_blobs(tmp_path):
    text = 'layer { name: "in" type: "Input" top: "a" top: "b" input_param { shape { dim: 2 } } }'
    text += ' layer { name: "sum" type: "Eltwise" bottom: "b" bottom: "a" top: "c" }'
    text += ' layer { name: "relu" type: "ReLU" bottom: "c" top: "c" }'
    (tmp_path / "net.prototxt").write_text(text)
    net = caffe.Net(tmp_path / "net.prototxt", caffe.TEST)
    assert net._blob_names == ["a", "b", "c"]
    assert (net._inputs, net._outputs) == ([0, 1], [2])
    assert [net._bottom_ids(layer) for layer in range(3)] == [[], [1, 0], [2]]
    assert [net._top_ids(layer) for layer in range(3)] == [[0, 1], [2], [2]]
    assert net._blobs[2] is net.blobs["c"]
    assert net._blob_loss_weights == [0, 0, 0]
    assert net.layer_dict["relu"].type == "ReLU"
