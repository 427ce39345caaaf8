"""What a user does with stock Caffe, to the letter: write, check, take the folder elsewhere, train, merge, load."""

import contextlib
import dataclasses
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest

from entropy import SolverSettings, Task, check, measure, merge, plan, read_plan, write
from entropy.__main__ import main
from entropy.split_folder.checking import Loss
from prototxt.formats.schema import NetParameter, SolverParameter, V1LayerParameter
from prototxt.formats.text import parse_net, read_net, read_solver, to_text, write_message
from prototxt.formats.weights import read_weights, weights_hash
from prototxt.split import filter_rows
from torchcaffe.network import Network

pytestmark = [pytest.mark.caffe, pytest.mark.filterwarnings("ignore::entropy.FewImagesWarning")]


@pytest.fixture(scope="module")
def table(small):
    return measure(small.scan, bins=16)


@pytest.fixture
def caffe_on_path(real_caffe, monkeypatch):
    """A shell in which ``caffe`` is the real one."""
    monkeypatch.setenv("PATH", str(real_caffe.caffe.parent), prepend=":")
    assert shutil.which("caffe") == str(real_caffe.caffe)


def type_in(command, cwd):
    result = subprocess.run(["sh", "-c", command], cwd=cwd, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stderr


def test_the_folder_is_taken_elsewhere_and_the_printed_command_typed_there(
    small, table, tmp_path, monkeypatch, capsys, real_caffe, caffe_on_path
):
    """With spaces in its path; nothing of where it was written is needed any more."""
    home, elsewhere = tmp_path / "home", tmp_path / "the gpu machine"
    for folder in (home, elsewhere):
        folder.mkdir()
    monkeypatch.chdir(home)
    shutil.copytree(small.folder, "source")
    plan(table, 2, share=0.4).write("plan.json")
    main(
        ["write", "plan.json", "--net", "source/deploy.prototxt", "--weights", "source/net.caffemodel",
         "--out", "my run", "--images", "source/train.txt", "--test-images", "source/test.txt", "--head", "fc_new",
         "--copy-pictures", "--test-interval", "2",
         "--batch", "4", "--test-batch", "3", "--max-iter", "4", "--base-lr", "0.01", "--snapshot", "2"]
    )  # fmt: skip
    command = capsys.readouterr().out.splitlines()[-1].strip()
    main(["check", "my run"])
    assert "caffe: loss" in capsys.readouterr().out
    shutil.move("my run", elsewhere / "my run")
    shutil.move("source", tmp_path / "kept")  # the pictures are no longer where they were

    log = type_in(command, elsewhere)
    assert "Optimization Done" in log
    assert len(re.findall("accuracy = ", log)) == 3  # before, in the middle, and after training
    monkeypatch.chdir(tmp_path)
    net, weights = (f"kept/{name}" for name in ("deploy.prototxt", "net.caffemodel"))
    run = elsewhere / "my run"
    main(["merge", str(run / "split_iter_4.caffemodel"), "--where", str(run), "--net", net, "--weights", weights])
    assert "frozen filters are bit-identical" in capsys.readouterr().out

    # Both results are ordinary caffemodels, for real Caffe too.
    merged, with_head = run / "merged.caffemodel", run / "merged_head.caffemodel"
    before, after = read_weights(weights), read_weights(merged)
    made = read_plan(run / "plan.json")
    layers = {layer.name: layer for layer in read_net(net).layer}
    for name, rates in made.multipliers.items():
        for was, now in zip(*(filter_rows(layers[name], each[name]) for each in (before, after)), strict=True):
            assert was[rates == 0].tobytes() == now[rates == 0].tobytes()
        assert before[name][0].tobytes() != after[name][0].tobytes()
    scores = real_scores(real_caffe, net, merged, tmp_path)
    assert scores["prob"].shape == (1, 5)
    head = real_scores(real_caffe, run / "deploy.prototxt", with_head, tmp_path)
    image = np.load(tmp_path / "image.npy")
    ours = Network(read_net(run / "deploy.prototxt"), weights=read_weights(with_head))
    (expected,) = ours.run({"data": image}).values()
    np.testing.assert_allclose(head["fc_new"], expected.detach(), rtol=1e-4, atol=1e-5)


SCORES = """
import os, sys
os.environ["GLOG_minloglevel"] = "2"
import caffe, numpy as np
net = caffe.Net(sys.argv[1], caffe.TEST, weights=sys.argv[2])
net.blobs["data"].data[...] = np.load("image.npy")
net.forward()
np.savez("scores.npz", **{name: net.blobs[name].data for name in net.outputs})
"""


def real_scores(caffe, net, weights, folder):
    np.save(folder / "image.npy", np.random.default_rng(0).normal(size=(1, 3, 16, 16)).astype(np.float32))
    result = caffe.run_python(SCORES, net, weights, cwd=folder)
    assert result.returncode == 0, result.stdout[-2000:]
    with np.load(folder / "scores.npz") as found:
        return dict(found)


V1_TYPES = {"Convolution": "CONVOLUTION", "ReLU": "RELU", "LRN": "LRN", "InnerProduct": "INNER_PRODUCT",
            "Dropout": "DROPOUT", "HDF5Data": "HDF5_DATA", "SoftmaxWithLoss": "SOFTMAX_LOSS"}  # fmt: skip
V1_BODY = """
layer { name: "data" type: "HDF5Data" top: "data" top: "label" hdf5_data_param { source: "files.txt" batch_size: 6 } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: 8 kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "norm1" type: "LRN" bottom: "conv1" top: "norm1" }
layer { name: "branch/conv2" type: "Convolution" bottom: "norm1" top: "conv2"
        convolution_param { num_output: 8 kernel_size: 3 group: 2 } }
layer { name: "fc3" type: "InnerProduct" bottom: "conv2" top: "fc3" inner_product_param { num_output: 12 } }
layer { name: "drop3" type: "Dropout" bottom: "fc3" top: "fc3" }
layer { name: "fc4" type: "InnerProduct" bottom: "fc3" top: "fc4" inner_product_param { num_output: 5 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc4" bottom: "label" top: "loss" }
"""


def as_v1(net: NetParameter, weights=None) -> NetParameter:
    """The same net in the form of 2014: ``layers``, types as enums, rates as ``blobs_lr``, blobs of four axes."""
    old = NetParameter(name=net.name)
    for layer in net.layer:
        made = old.layers.add(name=layer.name, bottom=layer.bottom, top=layer.top)
        made.type = V1LayerParameter.LayerType.Value(V1_TYPES[layer.type])
        for param in ("convolution_param", "inner_product_param", "lrn_param", "dropout_param", "hdf5_data_param"):
            if layer.HasField(param):
                getattr(made, param).CopyFrom(getattr(layer, param))
        if weights and layer.name in weights:
            made.blobs_lr.extend([1, 2])
            made.weight_decay.extend([1, 0])
            for blob in weights[layer.name]:
                shape = (1,) * (4 - blob.ndim) + blob.shape
                made.blobs.add(
                    num=shape[0], channels=shape[1], height=shape[2], width=shape[3], data=blob.ravel().tolist()
                )
    return old


def test_a_net_and_a_caffemodel_of_the_v1_form(small, table, tmp_path, monkeypatch, capsys, caffe_on_path):
    """From write to merge; stock Caffe upgrades the old files itself, and finds in them what we find."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    with h5py.File("data.h5", "w") as file:
        file["data"] = rng.normal(size=(6, 3, 16, 16)).astype(np.float32)
        file["label"] = (np.arange(6) % 5).astype(np.float32)
    Path("files.txt").write_text("data.h5\n")
    net = parse_net(V1_BODY)
    weights = {name: blobs for name, blobs in read_weights(small.weights).items() if name in V1_BODY}
    old, blobs = as_v1(net, weights), as_v1(net, weights)
    for layer in old.layers:
        del layer.blobs[:]
    Path("old.prototxt").write_text(to_text(old))
    Path("old.caffemodel").write_bytes(blobs.SerializeToString())
    assert "layers {" in Path("old.prototxt").read_text()
    made = plan(table, 2, share=0.4).model_copy(update={"weights_hash": weights_hash(read_weights("old.caffemodel"))})
    settings = SolverSettings(base_lr=0.01, max_iter=3)
    written = write(made, "old.prototxt", "old.caffemodel", settings)
    losses = {found.engine: found.plain for found in check("run") if isinstance(found, Loss)}
    assert set(losses) == {"torchcaffe", "caffe"}
    # Stock Caffe on the old files themselves, dropout aside: the same loss.
    dropout = 'type: "Dropout" bottom: "fc3" top: "fc3"'
    without = as_v1(parse_net(V1_BODY.replace(dropout, 'type: "ReLU" bottom: "fc3" top: "nobody reads it"')))
    Path("without.prototxt").write_text(to_text(without))
    Path("solver.prototxt").write_text(
        'net: "without.prototxt" base_lr: 0 lr_policy: "fixed" max_iter: 1 display: 1 '
        "solver_mode: CPU snapshot_after_train: false"
    )
    log = type_in("caffe train -solver solver.prototxt -weights old.caffemodel", tmp_path)
    assert float(re.search(r"Iteration 0.*, loss = (\S+)", log)[1]) == pytest.approx(losses["caffe"], rel=1e-5)
    assert "Optimization Done" in type_in(written.command, tmp_path)
    merged = merge("run", "run/split_iter_3.caffemodel", "merged.caffemodel")
    assert sum(change.moved for change in merged.changes) > 0
    assert {name: [b.shape for b in bs] for name, bs in read_weights("merged.caffemodel").items()} == {
        name: [b.shape for b in bs] for name, bs in weights.items()
    }


TWO_HEADS = """
layer { name: "data" type: "HDF5Data" top: "data" top: "label" hdf5_data_param { source: "files.txt" batch_size: 6 } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: 8 kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
layer { name: "norm1" type: "LRN" bottom: "conv1" top: "norm1" include { not_stage: "plain" } }
layer { name: "norm1" type: "Power" bottom: "conv1" top: "norm1" include { stage: "plain" } }
layer { name: "branch/conv2" type: "Convolution" bottom: "norm1" top: "conv2"
        convolution_param { num_output: 8 kernel_size: 3 group: 2 } }
layer { name: "fc3" type: "InnerProduct" bottom: "conv2" top: "fc3" inner_product_param { num_output: 12 } }
layer { name: "fc4" type: "InnerProduct" bottom: "fc3" top: "fc4" inner_product_param { num_output: 5 } }
layer { name: "other" type: "InnerProduct" bottom: "fc3" top: "other" param { lr_mult: 10 } param { lr_mult: 20 }
        inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc4" bottom: "label" top: "loss" include { phase: TRAIN } }
layer { name: "loss2" type: "SoftmaxWithLoss" bottom: "other" bottom: "label" top: "loss2" loss_weight: 0.5 }
layer { name: "accuracy" type: "Accuracy" bottom: "fc4" bottom: "label" top: "accuracy" include { phase: TEST } }
"""


def test_several_phases_share_their_data_and_heads_stay_whole(small, table, tmp_path, monkeypatch, caffe_on_path):
    """One data layer for TRAIN and two TEST states (a stage of its own), two heads with their own rates."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    with h5py.File("data.h5", "w") as file:
        file["data"] = rng.normal(size=(6, 3, 16, 16)).astype(np.float32)
        file["label"] = (np.arange(6) % 5).astype(np.float32)
    Path("files.txt").write_text("data.h5\n")
    Path("train_val.prototxt").write_text(TWO_HEADS)
    Path("mine.prototxt").write_text(
        'net: "x" test_iter: 1 test_iter: 1 test_interval: 2 test_state { } test_state { stage: "plain" } '
        'base_lr: 0.01 lr_policy: "fixed" momentum: 0.9 max_iter: 4 display: 1 random_seed: 3 '
        'solver_mode: CPU type: "Nesterov"'
    )
    written = write(plan(table, 1, share=0.5), "train_val.prototxt", small.weights, "mine.prototxt")
    specs = {layer.name: [spec.lr_mult for spec in layer.param] for layer in written.split.net.layer}
    assert specs["fc4"] == [1, 2]
    assert specs["other"] == [10, 20]
    assert [found.engine for found in check("run")] == ["torchcaffe", "caffe"] * 2  # losses, then gradients
    log = type_in(written.command, tmp_path)
    assert len(re.findall(r"Testing net \(#1\)", log)) == 3
    merged = merge("run", "run/split_iter_4.caffemodel", "merged.caffemodel")
    assert all(change.moved == change.free for change in merged.changes)
    for state in ({}, {"stages": ["plain"]}):
        Network(read_net("train_val.prototxt"), "TEST", weights=read_weights("merged.caffemodel"), **state)


@pytest.mark.parametrize("rates", [(10.0, 20.0), (1.0, 1.0)])
def test_the_new_head_learns_at_its_own_rates(rates, small, table, tmp_path, monkeypatch, caffe_on_path):
    """One step without momentum and decay: a head of 10/20 moves by ten and twenty times the gradient."""
    monkeypatch.chdir(tmp_path)
    pixels = dataclasses.replace(small.preprocessing, resize="stretch", resize_to=(16, 16), crop=())
    Path("pixels.json").write_text(pixels.to_json())
    task = Task(
        images=small.images, head="fc_new", batch=12, mirror=False, head_lr=rates, preprocessing=Path("pixels.json")
    )
    settings = SolverSettings(base_lr=0.001, momentum=0, weight_decay=0, max_iter=1)
    net = read_net(small.net)
    drop = next(layer for layer in net.layer if layer.type == "Dropout")
    net.layer.remove(drop)
    write_message("net.prototxt", net)
    written = write(plan(table, 2, share=0.4), "net.prototxt", small.weights, settings, task=task)
    type_in(written.command, tmp_path)
    before, after = (read_weights(f"run/{name}.caffemodel")["fc_new"] for name in ("split", "split_iter_1"))
    steps = [new - old for old, new in zip(before, after, strict=True)]
    gradient = head_gradient(written)
    for step, slope, rate in zip(steps, gradient, rates, strict=True):
        np.testing.assert_allclose(step, -0.001 * rate * slope, rtol=2e-3, atol=1e-7)


def head_gradient(written):
    """Gradient of the head's weights and bias at the start, by torchcaffe."""
    with contextlib.chdir(written.folder):
        network = Network(read_net("net_plain.prototxt"), "TRAIN", weights=read_weights("plain.caffemodel"), seed=1)
        network.loss(network.run()).backward()
    return [parameter.grad.numpy() for parameter in network.params["fc_new"]]


def test_a_solver_for_the_gpu(small, table, tmp_path):
    written = write(
        plan(table, 2), small.net, small.weights, SolverSettings(gpu=True), out=tmp_path / "run",
        task=Task(images=small.images, head="fc_new"),
    )  # fmt: skip
    for name in ("solver", "solver_plain"):
        assert read_solver(written.folder / f"{name}.prototxt").solver_mode == SolverParameter.GPU
    assert shlex.quote(str(written.folder)) in written.command
