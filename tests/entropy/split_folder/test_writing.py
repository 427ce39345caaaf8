"""What is in a written folder; and everything that is refused."""

import dataclasses
import shutil
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from entropy import PlanError, SolverSettings, Task, check, measure, merge, plan, read_plan, write
from entropy.commands.reporting import describe_written
from entropy.split_folder.writing import writing
from prototxt.common.errors import InputError
from prototxt.common.progress import Progress
from prototxt.formats.schema import NetParameter, SolverParameter
from prototxt.formats.text import parse_net, read_net, read_solver, write_message
from prototxt.formats.weights import read_weights, write_weights
from prototxt.lint import lint_net, lint_solver
from torchcaffe.network import Network


def test_the_folder_holds_what_it_should(written):
    names = {path.name for path in written.folder.iterdir()}
    assert names == {
        "net_split.prototxt", "net_plain.prototxt", "split.caffemodel", "plain.caffemodel", "solver.prototxt",
        "solver_plain.prototxt", "plan.json", "deploy.prototxt", "train.txt", "test.txt",
    }  # fmt: skip
    assert written.command.endswith("&& caffe train -solver solver.prototxt -weights split.caffemodel")
    assert read_plan(written.folder / "plan.json") == written.plan
    for net in ("net_split", "net_plain", "deploy"):
        assert lint_net(read_net(written.folder / f"{net}.prototxt")) == []
    solver = read_solver(written.folder / "solver.prototxt")
    assert lint_solver(solver) == []
    assert (solver.net, solver.test_iter[:], solver.max_iter) == ("net_split.prototxt", [2], 4)


def test_source_weights_and_the_new_head_are_in_both_caffemodels(written, small):
    source = read_weights(small.weights)
    plain, split = (read_weights(written.folder / f"{name}.caffemodel") for name in ("plain", "split"))
    for name in ("conv1", "branch/conv2", "bn2", "scale2", "fc3"):
        assert [blob.tobytes() for blob in plain[name]] == [blob.tobytes() for blob in source[name]]
    assert "fc4" not in plain
    assert plain["fc_new"][0].shape == (3, 12)
    assert plain["fc_new"][0].std() == pytest.approx(0.01, rel=0.5)
    assert [blob.tobytes() for blob in plain["fc_new"]] == [blob.tobytes() for blob in split["fc_new"]]


def test_rates_of_layers_outside_the_plan_stay(written):
    layers = {layer.name: [spec.lr_mult for spec in layer.param] for layer in written.split.net.layer}
    assert layers["fc3"] == [1, 2]
    assert layers["fc_new"] == [10, 20]


def test_the_seed_decides_the_head(written, small, made, tmp_path):
    task = Task(images=small.images, head="fc_new")
    heads = []
    for number, seed in enumerate((1, 1, 2)):
        out = write(
            made, small.net, small.weights, SolverSettings(seed=seed), out=tmp_path / str(number), task=task
        ).folder
        heads.append(read_weights(out / "split.caffemodel")["fc_new"][0].tobytes())
    assert heads[0] == heads[1] != heads[2]


def test_a_plan_for_other_weights_is_refused(small, made, tmp_path):
    weights = read_weights(small.weights)
    weights["fc4"][1][0] += 1
    write_weights(tmp_path / "other.caffemodel", read_net(small.net), weights)
    with pytest.raises(PlanError, match="the plan was made for weights with the hash"):
        write(
            made,
            small.net,
            tmp_path / "other.caffemodel",
            out=tmp_path / "out",
            task=Task(images=small.images, head="n"),
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("change", ["missing layer", "missing planned layer", "shape"])
def test_weights_that_are_not_the_nets_are_refused(change, small, made, tmp_path):
    weights, net = read_weights(small.weights), read_net(small.net)
    if change == "shape":
        weights["fc3"][0] = weights["fc3"][0][:, :-1]
    else:
        del weights["fc3" if change == "missing layer" else "conv1"]
    write_weights(tmp_path / "other.caffemodel", net, weights)
    free = made.model_copy(update={"weights_hash": ""})
    with pytest.raises(InputError, match=r"belong to another net|from another net"):
        write(
            free,
            small.net,
            tmp_path / "other.caffemodel",
            out=tmp_path / "out",
            task=Task(images=small.images, head="n"),
        )
    assert not (tmp_path / "out").exists()


def test_a_plan_for_another_net_is_refused(small, made, tmp_path):
    strange = made.model_copy(update={"layers": {"conv9": made.layers["conv1"]}, "weights_hash": ""})
    with pytest.raises(PlanError, match="has no layer 'conv9'"):
        write(strange, small.net, small.weights, out=tmp_path / "out", task=Task(images=small.images, head="n"))


def test_clipped_gradients_with_frozen_filters_are_refused(small, made, tmp_path):
    solver = tmp_path / "clip.prototxt"
    write_message(solver, SolverParameter(base_lr=0.1, lr_policy="fixed", max_iter=2, clip_gradients=5))
    task = Task(images=small.images, head="n")
    with pytest.raises(PlanError, match=r"clip.prototxt: clip_gradients is 5, but 10 filters have a rate of 0"):
        write(made, small.net, small.weights, solver, out=tmp_path / "out", task=task)
    soft = plan(measure(small.scan, bins=16), 6)
    result = write(soft, small.net, small.weights, solver, out=tmp_path / "out", task=task)
    assert read_solver(result.folder / "solver.prototxt").clip_gradients == 5


def test_the_source_is_not_overwritten(small, made):
    """The small net is called deploy.prototxt, as one of the files that are written."""
    before = small.net.read_bytes()
    with pytest.raises(PlanError, match=r"deploy.prototxt: would be overwritten"):
        write(made, small.net, small.weights, out=small.folder, task=Task(images=small.images, head="n"))
    assert small.net.read_bytes() == before


def test_weights_of_the_old_form_are_taken(small, made, tmp_path):
    """V1 files store a bias of N as (1, 1, 1, N)."""
    weights = read_weights(small.weights)
    shapes = {"conv1": (1, 1, 1, 8), "fc3": (1, 1, 1, 12)}
    old = NetParameter.FromString(small.weights.read_bytes())
    for layer in old.layer:
        if layer.name in shapes:
            blob = layer.blobs[1]
            blob.ClearField("shape")
            blob.num, blob.channels, blob.height, blob.width = shapes[layer.name]
    (tmp_path / "old.caffemodel").write_bytes(old.SerializeToString())
    free = made.model_copy(update={"weights_hash": ""})
    out = write(
        free, small.net, tmp_path / "old.caffemodel", out=tmp_path / "o", task=Task(images=small.images, head="n")
    ).folder
    plain = read_weights(out / "plain.caffemodel")
    assert plain["conv1"][1].shape == (8,)
    assert plain["conv1"][1].tobytes() == weights["conv1"][1].tobytes()


@pytest.mark.parametrize(
    ("line", "classes", "message"),
    [
        ("none.png 0", None, "there is no picture"),
        ("pictures/train 0.png 3", 3, "label 3 is no class; allowed is 0 to 2"),
        ("pictures/train 0.png -1", None, "label -1 is no class"),
        ("/etc/hostname 0", None, "mixes absolute and relative paths"),
        ("pictures/train 0.png x", None, "whole number"),
    ],
)
def test_bad_image_lists_are_refused_with_their_line(line, classes, message, small, made, tmp_path):
    images = small.folder / f"bad_{abs(hash(line))}.txt"
    images.write_text(f"pictures/train 1.png 1\n{line}\n")
    with pytest.raises(InputError, match=message):
        write(made, small.net, small.weights, out=tmp_path / "out", task=Task(images=images, head="n", classes=classes))
    assert not (tmp_path / "out").exists()


def test_a_deploy_net_needs_a_task_and_a_preprocessing(small, made, tmp_path):
    with pytest.raises(PlanError, match="this is a deploy net"):
        write(made, small.net, small.weights, out=tmp_path / "out")
    net = Path(shutil.copy(small.net, tmp_path / "alone.prototxt"))
    with pytest.raises(InputError, match=r"conversion.json: cannot be read .* give the conversion.json"):
        write(made, net, small.weights, out=tmp_path / "out", task=Task(images=small.images, head="n"))


TRAIN_VAL = """
layer {{ name: "data" type: "HDF5Data" top: "data" top: "label" include {{ phase: {phase} }}
        hdf5_data_param {{ source: "lists/{phase}.txt" batch_size: 3 }} }}
"""


def test_a_train_val_net_as_it_is_keeps_its_data(small, made, tmp_path, monkeypatch, train):
    monkeypatch.chdir(tmp_path)
    Path("lists").mkdir()
    rng = np.random.default_rng(0)
    with h5py.File("data.h5", "w") as file:
        file["data"] = rng.normal(size=(6, 3, 16, 16)).astype(np.float32)
        file["label"] = (np.arange(6) % 5).astype(np.float32)
    text = small.net.read_text()
    body = text[text.index("layer {", text.index("Input")) :]
    data = ""
    for phase in ("TRAIN", "TEST"):
        Path(f"lists/{phase}.txt").write_text("data.h5\n")
        data += TRAIN_VAL.format(phase=phase)
    tail = """
      layer { name: "extra" type: "InnerProduct" bottom: "fc3" top: "extra"
              inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
      layer { name: "quiet" type: "Silence" bottom: "extra" }
      layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc4" bottom: "label" top: "loss" }
    """
    body = body.replace('type: "Softmax"', 'type: "Softmax" include { phase: TEST }')
    write_message("train_val.prototxt", parse_net(data + body + tail))
    result = write(made, "train_val.prototxt", small.weights, SolverSettings(max_iter=2), out="out")
    assert any("new layers, filled with seed 1: extra" in note for note in result.notes)
    assert any("BatchNorm" in note for note in result.notes)
    loss, _ = check("out", use_caffe=False)
    assert loss.plain > 0
    train(tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    merged = merge("out", "out/split_iter_2.caffemodel", "merged.caffemodel")
    assert sum(change.moved for change in merged.changes) > 0


def test_a_folder_with_copied_pictures_can_be_taken_elsewhere(small, made, tmp_path, monkeypatch):
    tall = np.random.default_rng(2).integers(0, 256, (40, 24, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "tall.png"), tall[:, :, ::-1])
    (tmp_path / "list.txt").write_text("tall.png 1\n")
    pixels = dataclasses.replace(
        small.preprocessing, resize="shorter side", resize_to=(18,), interpolation="area", crop=(16, 16)
    )
    (tmp_path / "pixels.json").write_text(pixels.to_json())
    task = Task(
        images=small.images, test_images=tmp_path / "list.txt", head="fc_new", preprocessing=tmp_path / "pixels.json",
        copy_pictures=True, batch=4,
    )  # fmt: skip

    def steps_and_result():
        yield (yield from writing(made, small.net, small.weights, out=tmp_path / "here", task=task))

    *steps, result = steps_and_result()
    assert steps == [
        *(Progress(done, 12, "copying: train pictures") for done in range(13)),
        *(Progress(done, 1, "copying: test pictures") for done in range(2)),
    ]
    assert not any("--copy-pictures" in note for note in result.notes)
    elsewhere = shutil.move(tmp_path / "here", tmp_path / "a" / "b" / "there")
    check(elsewhere, use_caffe=False)
    monkeypatch.chdir(elsewhere)
    net = Network(read_net("net_split.prototxt"), "TEST", weights=read_weights("split.caffemodel"))
    (blob,) = net.run(keep=["data"]).values()
    np.testing.assert_allclose(blob[0].detach(), pixels.apply(tall), atol=1e-5)


def test_a_solver_may_be_settings_a_message_or_a_file(small, made, tmp_path, monkeypatch):
    """Written to "run" in the current folder by default; tests are dropped where there is nothing to test."""
    monkeypatch.chdir(tmp_path)
    message = SolverParameter(
        net="mine.prototxt", base_lr=0.1, lr_policy="fixed", max_iter=2, test_iter=[3], test_interval=1, random_seed=7
    )
    write_message(tmp_path / "mine.prototxt", message)
    task = Task(images=small.images, head="fc_new")
    found = []
    for solver in (message, tmp_path / "mine.prototxt", SolverSettings(base_lr=0.1, max_iter=2, seed=7)):
        result = write(made, small.net, small.weights, solver, task=task)
        assert result.folder == Path("run")
        trainer = read_solver(Path("run/solver.prototxt"))
        assert (trainer.net, list(trainer.test_iter)) == ("net_split.prototxt", [])
        found.append(
            (trainer.base_lr, trainer.max_iter, read_weights(Path("run/plain.caffemodel"))["fc_new"][0].tobytes())
        )
    assert len(set(found)) == 1
    assert message.net == "mine.prototxt"  # the argument is left as it is
    tested = write(
        made, small.net, small.weights, message, task=dataclasses.replace(task, test_images=small.test_images)
    )
    assert list(read_solver(tested.folder / "solver.prototxt").test_iter) == [3]


def test_a_layer_of_an_unknown_type_between_the_filters_is_refused(small, made, tmp_path):
    net = read_net(small.net)
    next(layer for layer in net.layer if layer.name == "bn2").type = "WarpNorm"
    write_message(tmp_path / "net.prototxt", net)
    shutil.copy(small.folder / "conversion.json", tmp_path)
    with pytest.raises(InputError, match="layer 'bn2': unknown layer type 'WarpNorm'; use one of"):
        write(
            made,
            tmp_path / "net.prototxt",
            small.weights,
            out=tmp_path / "out",
            task=Task(images=small.images, head="n"),
        )
    assert not (tmp_path / "out").exists()


def test_layers_that_share_a_parameter_need_equal_rates(small, made, tmp_path):
    net = read_net(small.net)
    for name in ("conv1", "branch/conv2"):  # a bias of eight numbers each
        layer = next(each for each in net.layer if each.name == name)
        layer.param.add()
        layer.param.add(name="shared")
    write_message(tmp_path / "net.prototxt", net)
    shutil.copy(small.folder / "conversion.json", tmp_path)
    with pytest.raises(InputError, match="'conv1', 'branch/conv2' share the parameter 'shared'"):
        write(
            made,
            tmp_path / "net.prototxt",
            small.weights,
            out=tmp_path / "out",
            task=Task(images=small.images, head="n"),
        )
    assert not (tmp_path / "out").exists()


def test_a_cost_that_cannot_be_known_is_no_reason_to_fail(written):
    assert "G multiply-adds instead of" in describe_written(written)
    text = describe_written(dataclasses.replace(written, inputs={"data": (4, 3, 4, 4), "label": (7,)}))
    assert "expected cost of a step: not known (" in text
    assert text.endswith(written.command)
