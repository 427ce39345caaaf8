"""A new plan in mid-training: what goes on is what would have gone on, and what is frozen from then on stays."""

import shlex
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest

from entropy import CheckError, PlanError, SolverSettings, Task, check, measure, merge, plan, read_plan, replan, write
from entropy.__main__ import main
from prototxt.formats.solverstate import read_solverstate
from prototxt.formats.text import parse_net, read_net, read_solver, write_message
from prototxt.formats.weights import read_weights, weights_hash, write_weights
from prototxt.split import filter_rows
from torchcaffe.pycaffe.solvers import get_solver

HALF, END = 3, 6
DATA = """
layer { name: "data" type: "HDF5Data" top: "data" top: "label" hdf5_data_param { source: "files.txt" batch_size: 6 } }
"""
LOSS = """
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc4" bottom: "label" top: "loss" include { phase: TRAIN } }
"""


@pytest.fixture
def place(small, tmp_path, monkeypatch):
    """A folder with the training net of the small net (without dropout) on one batch, which every iteration sees."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    with h5py.File("data.h5", "w") as file:
        file["data"] = rng.normal(size=(6, 3, 16, 16)).astype(np.float32)
        file["label"] = (np.arange(6) % 5).astype(np.float32)
    Path("files.txt").write_text("data.h5\n")
    net = read_net(small.net)
    kept = [layer for layer in net.layer if layer.type not in ("Input", "Dropout", "Softmax")]
    made = parse_net(DATA)
    made.layer.extend(kept)
    made.layer.extend(parse_net(LOSS).layer)
    write_message("train_val.prototxt", made)
    return tmp_path


@pytest.fixture(scope="module")
def table(small):
    return measure(small.scan, bins=16)


def written(small, made, type="SGD", out="run"):
    settings = SolverSettings(base_lr=0.05, max_iter=END, snapshot=HALF, type=type, momentum=0.9)
    return write(made, "train_val.prototxt", small.weights, settings, out=out)


def run_command(command, caffe):
    """What a user pastes into a shell, with our Caffe for ``caffe``."""
    command = command.replace("&& caffe ", f"&& {shlex.quote(str(caffe.caffe))} ")
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]


def for_snapshot(made):
    """The plan as if it had been made for the merged snapshot."""
    merge("run", f"run/split_iter_{HALF}.caffemodel", "merged.caffemodel")
    return made.model_copy(update={"weights_hash": weights_hash(read_weights("merged.caffemodel"))})


def bits(folder, iteration=END):
    weights = read_weights(Path(folder) / f"split_iter_{iteration}.caffemodel")
    state = read_solverstate(Path(folder) / f"split_iter_{iteration}.solverstate")
    return [b.tobytes() for blobs in weights.values() for b in blobs], [b.tobytes() for b in state.history], state.iter


@pytest.mark.caffe
@pytest.mark.parametrize("type", ["SGD", "Nesterov", "AdaGrad", "Adam"])
def test_the_same_plan_goes_on_as_if_nothing_had_happened(type, place, small, table, real_caffe):
    made = plan(table, 5, levels=3)
    run_command(written(small, made, type).command, real_caffe)
    result = replan("run", for_snapshot(made), f"run/split_iter_{HALF}.solverstate", out="run2")
    assert result.command == f"cd run2 && caffe train -solver solver.prototxt -snapshot split_iter_{HALF}.solverstate"
    assert result.split.layers == read_plan("run/plan.json").split
    run_command(result.command, real_caffe)
    assert bits("run2") == bits("run")


@pytest.mark.caffe
@pytest.mark.parametrize("type", ["SGD", "Nesterov", "RMSProp", "AdaDelta", "Adam"])
def test_another_plan_frees_and_freezes_filters(type, place, small, table, real_caffe):
    first, second = plan(table, 1, share=0.5), plan(table, 1, share=0.5, by="inverse")
    fields = {"momentum": 0} if type == "RMSProp" else {}
    settings = SolverSettings(base_lr=0.01, max_iter=END, snapshot=HALF, type=type, **fields)
    run_command(write(first, "train_val.prototxt", small.weights, settings, out="run").command, real_caffe)
    result = replan("run", for_snapshot(second), f"run/split_iter_{HALF}.solverstate", out="run2")
    check("run2")
    run_command(result.command, real_caffe)
    merged = merge("run2", f"run2/split_iter_{END}.caffemodel", "end.caffemodel")
    before, after = read_weights("merged.caffemodel"), read_weights("end.caffemodel")
    layers = {layer.name: layer for layer in read_net("train_val.prototxt").layer}
    changes = {"freed": 0, "frozen": 0}
    for name, rates in second.multipliers.items():
        was = first.multipliers[name]
        changes["freed"] += int(((was == 0) & (rates > 0)).sum())
        changes["frozen"] += int(((was > 0) & (rates == 0)).sum())
        for one, other in zip(*(filter_rows(layers[name], each[name]) for each in (before, after)), strict=True):
            same = [one[row].tobytes() == other[row].tobytes() for row in range(len(rates))]
            assert same[: len(rates)] == [True if rate == 0 else moved for rate, moved in zip(rates, same, strict=True)]
    assert min(changes.values()) > 2
    assert sum(change.moved for change in merged.changes) > 5
    assert any("become free" in note for note in result.notes)


def in_torchcaffe(folder, monkeypatch, start, state=None):
    with monkeypatch.context() as context:
        context.chdir(folder)
        solver = get_solver(Path("solver.prototxt"))
        if state is None:
            solver.load_weights(start)
        solver.solve(state)


def test_from_the_command_line_with_a_new_scan_of_the_source_net(place, small, table, monkeypatch, capsys):
    """The loop of the documentation: train, merge into the source net, scan, measure, plan, replan, train on."""
    task = Task(images=small.images, test_images=small.test_images, head="fc_new", batch=4, test_batch=3)
    settings = SolverSettings(base_lr=0.01, max_iter=END, snapshot=HALF, test_interval=HALF)
    write(plan(table, 2, share=0.4), small.net, small.weights, settings, task=task)
    in_torchcaffe("run", monkeypatch, "split.caffemodel")
    merge("run", f"run/split_iter_{HALF}.caffemodel", "merged.caffemodel", net=small.net, weights=small.weights)
    new = plan(table, 2, share=0.6).model_copy(update={"weights_hash": weights_hash(read_weights("merged.caffemodel"))})
    new.write("plan2.json")
    arguments = ["replan", "run", "plan2.json", "--snapshot", f"run/split_iter_{HALF}.solverstate", "--out", "run2"]
    with pytest.raises(SystemExit):
        main(arguments)
    assert "the plan was made for weights with the hash" in capsys.readouterr().err
    assert not Path("run2").exists()
    main([*arguments, "--weights", "merged.caffemodel"])
    out = capsys.readouterr().out
    assert "goes on from iteration 3" in out
    assert out.endswith(f"cd run2 && caffe train -solver solver.prototxt -snapshot split_iter_{HALF}.solverstate\n")
    strange = new.model_copy(update={"preprocessing_hash": "another"})
    asked = replan("run", strange, f"run/split_iter_{HALF}.solverstate", out="strange", weights="merged.caffemodel")
    assert any("another preprocessing" in note for note in asked.notes)
    assert "another preprocessing" not in out
    check("run2", use_caffe=False)
    in_torchcaffe("run2", monkeypatch, "", f"split_iter_{HALF}.solverstate")
    # The second folder is like the first: it merges into what was scanned last, and can be planned again.
    merge("run2", f"run2/split_iter_{END}.caffemodel", "end.caffemodel", net=small.net, weights="merged.caffemodel")
    whole = weights_hash(read_weights("end_head.caffemodel"))
    third = plan(table, 3).model_copy(update={"weights_hash": whole})
    assert replan("run2", third, f"run2/split_iter_{END}.solverstate", out="run3").state == "split_iter_6.solverstate"


def test_what_does_not_belong_together_is_refused(place, small, table, monkeypatch):
    made = plan(table, 2, share=0.4)
    written(small, made)
    in_torchcaffe("run", monkeypatch, "split.caffemodel")
    state, new = f"run/split_iter_{HALF}.solverstate", for_snapshot(made)
    with pytest.raises(PlanError, match="choose another folder"):
        replan("run", new, state, out="run")
    with pytest.raises(PlanError, match=r"has the hash .* when merged, but the plan was made for"):
        replan("run", made, state, out="run2")
    with pytest.raises(PlanError, match="its layer 'conv1' is not that of the snapshot"):
        replan("run", made, state, out="run2", weights=small.weights)  # the plan's weights, not the snapshot's
    split = read_net("run/net_split.prototxt")
    weights = read_weights(f"run/split_iter_{HALF}.caffemodel")
    weights["conv1__g0_lr0"][0][0] += 1
    Path("other").mkdir()
    Path("other/split_iter_3.solverstate").write_bytes(Path(state).read_bytes())
    with pytest.raises(PlanError, match=r"its weights split_iter_3.caffemodel are not beside it"):
        replan("run", new, "other/split_iter_3.solverstate", out="run2")
    write_weights("other/split_iter_3.caffemodel", split, weights)
    with pytest.raises(CheckError, match="frozen layer 'conv1__g0_lr0' is not bit-identical"):
        replan("run", new, "other/split_iter_3.solverstate", out="run2")
    solver = read_solver("run/solver.prototxt")
    solver.clip_gradients = 1
    write_message("run/solver.prototxt", solver)
    with pytest.raises(PlanError, match="clip_gradients is 1"):
        replan("run", new, state, out="run2")
    assert not Path("run2").exists()
