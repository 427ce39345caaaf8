"""Layers that a user writes in Python: the same module in torchcaffe and in real Caffe."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
import torch

import torchcaffe
from prototxt.common.errors import NetError
from prototxt.formats.text import parse_net
from torchcaffe.__main__ import main
from torchcaffe.network import Network
from torchcaffe.pycaffe.net import Net

MODULE = '''
import caffe
import numpy as np


class Numbers(caffe.Layer):
    """A data layer: batches of the size that param_str says."""

    def setup(self, bottom, top):
        self.batch, self.seed = int(self.param_str), 0

    def reshape(self, bottom, top):
        top[0].reshape(self.batch, 3)
        top[1].reshape(self.batch, 2)

    def forward(self, bottom, top):
        self.seed += 1
        random = np.random.RandomState(self.seed)
        top[0].data[...] = random.uniform(-1, 1, top[0].data.shape)
        top[1].data[...] = top[0].data[:, :2] * [2, -1] + 0.5

    def backward(self, top, propagate_down, bottom):
        pass


class Gain(caffe.Layer):
    """Every column times a learned gain, which begins with the number of the phase plus one."""

    def setup(self, bottom, top):
        self.blobs.add_blob(bottom[0].shape[1])
        self.blobs[0].data[...] = 1 + self.phase

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].data.shape)

    def forward(self, bottom, top):
        self.x = bottom[0].data.copy()  # in place the top is the bottom
        top[0].data[...] = self.x * self.blobs[0].data

    def backward(self, top, propagate_down, bottom):
        diff = top[0].diff.copy()
        self.blobs[0].diff[...] += (diff * self.x).sum(0)
        if propagate_down[0]:
            bottom[0].diff[...] = diff * self.blobs[0].data


class SquareLoss(caffe.Layer):
    def setup(self, bottom, top):
        if len(bottom) != 2:
            raise Exception("Need two inputs.")

    def reshape(self, bottom, top):
        if bottom[0].count != bottom[1].count:
            raise Exception("Inputs must have the same dimension.")
        top[0].reshape(1)

    def forward(self, bottom, top):
        self.diff = bottom[0].data - bottom[1].data
        top[0].data[...] = np.sum(self.diff ** 2) / bottom[0].num / 2.0

    def backward(self, top, propagate_down, bottom):
        for i, sign in enumerate((1, -1)):
            if propagate_down[i]:
                bottom[i].diff[...] = top[0].diff[0] * sign * self.diff / bottom[i].num


class Witness(caffe.Layer):
    """No tops."""

    def setup(self, bottom, top):
        self.seen = 0

    def reshape(self, bottom, top):
        pass

    def forward(self, bottom, top):
        self.seen += 1

    def backward(self, top, propagate_down, bottom):
        pass


class NoLayer:
    pass
'''
NET = """
name: "users"
layer { name: "data" type: "Python" top: "x" top: "y"
  python_param { module: "users_layers" layer: "Numbers" param_str: "6" } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "ip"
  inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "gain" type: "Python" bottom: "ip" top: "gain" python_param { module: "users_layers" layer: "Gain" }
  param { lr_mult: 2 decay_mult: 0 } }
layer { name: "again" type: "Python" bottom: "gain" top: "gain"
  python_param { module: "users_layers" layer: "Gain" } }
layer { name: "loss" type: "Python" bottom: "gain" bottom: "y" top: "loss" loss_weight: 1
  python_param { module: "users_layers" layer: "SquareLoss" } }
layer { name: "witness" type: "Python" bottom: "ip" python_param { module: "users_layers" layer: "Witness" } }
"""
SOLVER = """
net: "net.prototxt" base_lr: 0.2 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.001 max_iter: 20 iter_size: 2
snapshot_after_train: false
"""
TRAIN = """
import sys
import numpy as np

solver = caffe.SGDSolver("solver.prototxt")
solver.net.copy_from("first.caffemodel")
losses = []
for _ in range(12):
    solver.step(1)
    losses.append(float(solver.net.blobs["loss"].data.flat[0]))
arrays = {}
for name, blobs in solver.net.params.items():
    arrays.update(("%s %d" % (name, i), blob.data.copy()) for i, blob in enumerate(blobs))
arrays.update((name, blob.data.copy()) for name, blob in solver.net.blobs.items() if "split" not in name)
arrays.update((name + " diff", solver.net.blobs[name].diff.copy()) for name in ("ip", "gain"))
np.savez(sys.argv[1], losses=losses, **arrays)
"""


@pytest.fixture
def users_module(tmp_path, monkeypatch):
    (tmp_path / "users_layers.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("users_layers", None)


def one(layer: str, **fields: str) -> str:
    values = {"module": "users_layers", "bottoms": 'bottom: "a"', "tops": 'top: "b"'} | fields
    return (
        'force_backward: true layer { name: "a" type: "Input" top: "a" input_param { shape { dim: 4 dim: 2 } } }'
        f' layer {{ name: "users" type: "Python" {values["bottoms"]} {values["tops"]}'
        f' python_param {{ module: "{values["module"]}" layer: "{layer}" }} }}'
    )


@pytest.mark.caffe
def test_training_is_as_in_caffe(users_module, real_caffe, monkeypatch):
    (users_module / "net.prototxt").write_text(NET)
    (users_module / "solver.prototxt").write_text(SOLVER)
    Net(Network(parse_net(NET), "TRAIN", seed=1)).save(users_module / "first.caffemodel")
    result = real_caffe.run_python("import caffe\n" + TRAIN, "caffe.npz", cwd=users_module)
    assert result.returncode == 0, result.stdout[-3000:]
    monkeypatch.setattr(sys, "argv", ["train.py", "ours.npz"])
    exec(TRAIN, {"caffe": torchcaffe})
    ours, theirs = np.load("ours.npz"), np.load("caffe.npz")
    assert set(ours.files) == set(theirs.files)
    for name in theirs.files:
        assert ours[name].shape == theirs[name].shape, name
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-6, err_msg=name)
    assert theirs["losses"][-1] < 0.2 * theirs["losses"][0]


@pytest.mark.caffe
def test_the_command_lines_agree(users_module, real_caffe, monkeypatch, capfd):
    (users_module / "net.prototxt").write_text(NET)
    (users_module / "solver.prototxt").write_text(SOLVER + "display: 1")
    Net(Network(parse_net(NET), "TRAIN", seed=1)).save(users_module / "first.caffemodel")
    monkeypatch.setenv("PYTHONPATH", str(users_module))
    arguments = ["train", "-solver", "solver.prototxt", "-weights", "first.caffemodel"]
    theirs = real_caffe.run(*arguments, cwd=users_module).stdout
    main(arguments)
    losses = [re.findall(r"Iteration \d+.*, loss = (\S+)", log) for log in (capfd.readouterr().err, theirs)]
    assert len(losses[1]) == 21, theirs[-3000:]
    np.testing.assert_allclose(*(np.array(each, float) for each in losses), rtol=1e-3)


def test_gradients_are_autograds(users_module):
    net = Network(parse_net(one("Gain")), "TRAIN")
    x = torch.randn(4, 2, requires_grad=True)
    values = net.run({"a": x}, ["b"])
    first, _ = values[net.graph.value("b")], net.run({"a": torch.zeros(4, 2)}, ["b"])
    weights = torch.randn(4, 2)
    (first * weights).sum().backward()
    torch.testing.assert_close(x.grad, weights)
    with torch.inference_mode():
        more = net.run({"a": torch.ones(9, 2)}, ["b"])
    assert next(iter(more.values())).shape == (9, 2)
    x.grad = None
    net.run({"a": x}, ["b"])[net.graph.value("b")].sum().backward()
    torch.testing.assert_close(x.grad, torch.ones(4, 2))


def test_blobs_are_reshaped_by_the_users_code(users_module):
    (users_module / "net.prototxt").write_text(one("Gain"))
    net = torchcaffe.Net("net.prototxt", torchcaffe.TEST)
    assert net.blobs["b"].data.shape == (4, 2)
    assert net.params["users"][0].data.tolist() == [2, 2]
    net.blobs["a"].reshape(7, 2)
    net.reshape()
    assert net.blobs["b"].data.shape == (7, 2)


def test_layers_without_tops_run_every_time(users_module):
    net = Network(parse_net(one("Witness", tops="")))
    for _ in range(3):
        net.run({"a": torch.zeros(4, 2)})
    assert net.layer("users").user.seen == 3


def test_import_caffe_is_torchcaffe_for_the_users_code_only(users_module):
    before = sys.modules.get("caffe")
    Network(parse_net(one("Gain")))
    assert sys.modules["users_layers"].caffe.Layer is torchcaffe.Layer
    assert sys.modules.get("caffe") is before


@pytest.mark.parametrize(
    ("layer", "fields", "sentence"),
    [
        (
            "Gain",
            {"module": "users_layer"},
            r"module 'users_layer' .* cannot be loaded \(No module named 'users_layer'",
        ),
        ("Gian", {}, r"class 'Gian' cannot be loaded \(module 'users_layers' has no attribute 'Gian'\)"),
        ("NoLayer", {}, r"users_layers.NoLayer must be a class that derives from torchcaffe's caffe.Layer"),
        ("SquareLoss", {}, r"SquareLoss.setup failed with Exception: Need two inputs. \(users_layers.py:\d+\)"),
        ("Gain", {"bottoms": ""}, r"Gain.setup failed with IndexError: .* \(users_layers.py:\d+\)"),
    ],
)
def test_what_is_wrong_with_the_users_code_is_told(users_module, layer, fields, sentence):
    with pytest.raises(NetError, match=rf"layer 'users' \(Python\): .*{sentence}"):
        Network(parse_net(one(layer, **fields)))


def test_errors_in_a_pass_are_told(users_module):
    net = Network(parse_net(one("Gain")), "TRAIN")
    with pytest.raises(NetError, match=r"'users' \(Python\): Gain.forward failed with ValueError: .*broadcast"):
        net.run({"a": torch.zeros(4, 3)})
