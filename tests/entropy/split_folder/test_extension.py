"""A new task in the old net or beside it, by the commands: write, check, train, merge; the old net stays to the bit."""

import dataclasses
import json
import re
from typing import get_args

import numpy as np
import pytest

from entropy import CheckError, PlanError, SurgeryError, check, measure, merge, plan, read_plan, replan, write
from entropy.__main__ import main
from entropy.planning.learning import How
from entropy.split_folder.extension import Extension
from entropy.split_folder.preservation import Preserved
from entropy.split_folder.solver_file import SolverSettings
from entropy.split_folder.task import Task
from prototxt.formats.text import read_net
from prototxt.formats.weights import read_weights, write_weights
from tests.entropy.surgery.proofs import assert_same_bits, caffe_values, images, values
from torchcaffe.pycaffe.solvers import SGDSolver
from torchcaffe.solver_settings import read_settings

pytestmark = pytest.mark.filterwarnings("ignore::entropy.FewImagesWarning")

WAYS = {
    "head": ["--preserve", "exact"],
    "wide head": ["--head-on", "conv2,fc3", "--head-dropout", "0.2", "--preserve", "exact"],
    "own layers": ["--own-layers", "fc3", "--preserve", "exact"],
    "own layers below": ["--own-layers", "branch/conv2", "--head-on", "conv2,fc3", "--preserve", "exact"],
    "fresh filters": ["--widen", "conv1=3,branch/conv2=0.5", "--preserve", "exact"],
    "copied filters": ["--widen", "branch/conv2=2", "--copies", "--table", "TABLE", "--preserve", "exact"],
    "adapters": ["--adapt", "conv1,fc3", "--preserve", "exact"],
    "freed filters": ["--free", "branch/conv2=3", "--table", "TABLE"],
    "fresh freed filters": ["--free", "branch/conv2=0.5", "--choose-by", "random", "--fresh"],
}
LEARN = {
    "head": {"fc_new"},
    "wide head": {"fc_new"},
    "own layers": {"fc3_new", "fc_new"},
    "own layers below": {"branch/conv2_new", "scale2_new", "fc_new"},
    "fresh filters": {"conv1_new", "branch/conv2_new", "scale2_new", "fc_new"},
    "copied filters": {"branch/conv2_new", "scale2_new", "fc_new"},
    "adapters": {"conv1_adapter_new", "fc3_adapter_new", "fc_new"},
    "freed filters": {"branch/conv2", "scale2", "fc_new"},
    "fresh freed filters": {"branch/conv2", "scale2", "fc_new"},
}


@pytest.fixture(scope="module")
def table(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "entropy.csv"
    measure(small.scan, bins=16).write_csv(path)
    return path


def typed(small, table, out, *options):
    """What a user types, with a solver of five iterations."""
    options = [str(table) if option == "TABLE" else option for option in options]
    return [
        "write", "--net", str(small.net), "--weights", str(small.weights), "--out", str(out), "--images",
        str(small.images), "--head", "fc_new", "--max-iter", "5", "--base-lr", "0.05", "--batch", "6", *options,
    ]  # fmt: skip


def made_run(small, out, made, extension=None, solver=None, **how):
    """The same by the Python interface."""
    task = Task(images=small.images, head="fc_new", batch=6)
    return write(made, small.net, small.weights, solver, out=out, task=task, extension=extension, **how)


def rows_of_learning(out):
    """Layer to how it learns, from the printed table."""
    rows = [line.split() for line in out[out.index("lr_mult") :].splitlines()[2:]]
    return {row[0]: row[2] for row in rows if len(row) > 2 and row[2] in get_args(How)}


@pytest.mark.caffe
@pytest.mark.parametrize("way", WAYS)
def test_from_write_to_merge_in_real_caffe(way, small, table, tmp_path, capsys, real_caffe):
    run = tmp_path / "run"
    main(typed(small, table, run, *WAYS[way]))
    printed = capsys.readouterr().out
    learning = {name for name, how in rows_of_learning(printed).items() if how not in ("frozen", "statistics")}
    assert learning == LEARN[way]

    main(["check", str(run)])
    found = capsys.readouterr().out
    blobs = re.findall(r"(torchcaffe|caffe): all (\d+) blobs of the old net are bit-identical", found)
    assert [engine for engine, _ in blobs] == ["torchcaffe", "caffe"]
    assert {int(count) for _, count in blobs} == {sum(bool(layer.bottom) for layer in read_net(small.net).layer)}
    assert "caffe: loss" in found

    log = real_caffe.run("train", "-solver", "solver.prototxt", "-weights", "split.caffemodel", cwd=run).stdout
    assert "Optimization Done" in log, log[-2000:]
    main(["merge", str(run / "split_iter_5.caffemodel"), "--where", str(run)])
    merged = capsys.readouterr().out
    assert "both tasks in one forward pass: the old scores in 'fc4', the new ones in 'fc_new'" in merged
    assert ("every layer of the old net is bit-identical" in merged) == ("--preserve" in WAYS[way])
    assert rows_of_learning(merged) == rows_of_learning(printed)
    assert_old_outputs(small, run, real_caffe, tmp_path)
    before, after = read_weights(run / "deploy.caffemodel"), read_weights(run / "merged.caffemodel")
    assert {name for name in before if different(before[name], after[name])} == LEARN[way]


def different(one, other):
    return any(a.tobytes() != b.tobytes() for a, b in zip(one, other, strict=True))


def assert_old_outputs(small, run, real_caffe, folder):
    """Both heads in one pass, and the old scores those of the old net, or of the net that was cut."""
    merged, weights = read_net(run / "merged.prototxt"), read_weights(run / "merged.caffemodel")
    source = read_net(small.net)
    cut = json.loads((run / "extension.json").read_text())["cut"]
    old = read_weights(run / "deploy.caffemodel") if cut else read_weights(small.weights)
    old = {name: blobs for name, blobs in old.items() if name in {layer.name for layer in source.layer}}
    batch, blobs = images(source), ["fc4", "prob"]
    ours = values(merged, weights, [*blobs, "fc_new"], batch)
    assert_same_bits(values(source, old, blobs, batch), ours[:2])
    both = caffe_values(real_caffe, merged, weights, [*blobs, "fc_new"], batch, folder)
    assert_same_bits(caffe_values(real_caffe, source, old, blobs, batch, folder), both[:2])
    np.testing.assert_allclose(both[2], ours[2], rtol=1e-4, atol=1e-5)


def test_the_same_in_torchcaffe(small, table, tmp_path, monkeypatch):
    """By the Python interface; a plan for the old filters, and the new task's own fully connected layer."""
    monkeypatch.chdir(tmp_path)
    made = plan(measure(small.scan, bins=16), 2, share=0.4)
    written = made_run(small, "run", made, Extension(own_layers=("fc3",)), rates={"fc_new": 0.5})
    how = {each.layer: (each.how, each.free) for each in written.learning}
    free = {name: int((rates > 0).sum()) for name, rates in made.multipliers.items() if name != "fc3"}
    assert how["conv1"] == ("planned", free["conv1"])
    assert how["fc3_new"] == ("new", 12)
    head = next(layer for layer in written.plain.layer if layer.name == "fc_new")
    assert [spec.lr_mult for spec in head.param] == [5, 10]


def train(folder, monkeypatch):
    monkeypatch.chdir(folder)
    solver = SGDSolver(read_settings("solver.prototxt"), device="cpu")
    solver.load_weights("split.caffemodel")
    solver.solve()


def plan_of_convolutions(small, **how):
    return plan(measure(small.scan, bins=16, layers=["conv1", "branch/conv2"]), 2, **how)


def test_a_plan_with_a_wide_head_trains_the_old_trunk(small, tmp_path, monkeypatch):
    made, run = plan_of_convolutions(small, share=0.4), tmp_path / "run"
    written = made_run(small, run, made, Extension(head_on=("conv2", "fc3")), SolverSettings(max_iter=3, base_lr=0.05))
    how = {each.layer: each.how for each in written.learning}
    assert {name: how[name] for name in ("conv1", "branch/conv2", "scale2", "fc3", "fc_new")} == {
        "conv1": "planned", "branch/conv2": "planned", "scale2": "planned", "fc3": "frozen", "fc_new": "new",
    }  # fmt: skip
    assert isinstance(check(run, use_caffe=False)[0], Preserved)
    train(run, monkeypatch)
    merged = merge(run, run / "split_iter_3.caffemodel")
    assert [change.free for change in merged.changes] == [int((rates > 0).sum()) for rates in made.multipliers.values()]
    assert all(change.moved == change.free for change in merged.changes)
    assert not [note for note in merged.notes if "old net" in note]
    old, new = read_weights(small.weights), read_weights(run / "merged.caffemodel")
    assert {name for name in old if different(old[name], new[name])} == {"conv1", "branch/conv2", "scale2"}


def test_rates_of_layers_without_any_extension(small, tmp_path):
    made = plan_of_convolutions(small, share=0.4)
    written = made_run(small, tmp_path / "run", made, rates={"fc3": 0})
    how = {each.layer: (each.how, each.lr_mults) for each in written.learning}
    assert how["fc3"] == ("frozen", (0, 0))
    whole = made_run(small, tmp_path / "whole", made)
    assert {each.layer: (each.how, each.lr_mults) for each in whole.learning}["fc3"] == ("whole", (1, 2))
    uniform = made_run(small, tmp_path / "u", None, rates=dict.fromkeys(("conv1", "fc3"), 0.1))
    assert {each.layer: each.lr_mults for each in uniform.learning}["fc3"] == pytest.approx((0.1, 0.2))
    assert uniform.plan.layers == {}
    assert read_plan(tmp_path / "u/plan.json").multipliers == {}
    assert check(tmp_path / "u", use_caffe=False)[0].difference == 0


def test_a_training_that_goes_on_keeps_both_heads(small, tmp_path, monkeypatch):
    run, extension = tmp_path / "run", Extension(own_layers=("fc3",), head_on=("conv2", "fc3"))
    solver = SolverSettings(max_iter=4, base_lr=0.05, snapshot=2)
    made_run(small, run, plan_of_convolutions(small, share=0.4), extension, solver)
    train(run, monkeypatch)
    merge(run, run / "split_iter_2.caffemodel", out=run / "at2.caffemodel")
    other = plan_of_convolutions(small, share=0.2).model_copy(update={"weights_hash": ""})
    replan(run, other, run / "split_iter_2.solverstate", out=tmp_path / "run2", weights=run / "at2.caffemodel")
    found = check(tmp_path / "run2", use_caffe=False)
    assert isinstance(found[0], Preserved)
    train(tmp_path / "run2", monkeypatch)
    merged = merge(tmp_path / "run2", tmp_path / "run2/split_iter_4.caffemodel")
    assert (tmp_path / "run2/merged.prototxt") in merged.files
    assert_same_bits(read_weights(small.weights)["fc3"], read_weights(tmp_path / "run2/merged.caffemodel")["fc3"])


def test_a_third_task_starts_from_the_merged_net(small, tmp_path):
    second, third = tmp_path / "second", tmp_path / "third"
    made_run(small, second, None, Extension(widen={"branch/conv2": 2}, preserve="exact"))
    merge(second, second / "split.caffemodel")
    task = Task(images=small.images, head="fc_third", batch=6, preprocessing=small.folder / "conversion.json")
    extension = Extension(widen={"branch/conv2": 3}, suffix="_third", preserve="exact")
    written = write(
        None, second / "merged.prototxt", second / "merged.caffemodel", out=third, task=task, extension=extension
    )
    assert written.extension.old_outputs == ("fc4", "fc_new")
    head = next(layer for layer in written.plain.layer if layer.name == "fc_third_in")
    assert list(head.bottom) == ["fc_third_conv2", "fc_third_conv2_new", "fc_third_conv2_third", "fc3"]
    assert isinstance(check(third, use_caffe=False)[0], Preserved)


# -- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--own-layers", "fc3", "--widen", "conv1=1"], "either --own-layers or --widen or --free or --adapt; got"),
        (["--free", "branch/conv2=2", "--preserve", "exact"], "leave out --free or --preserve exact"),
        (["--copies", "--head-on", "fc3"], "copies are new filters'"),
        (["--fresh", "--head-on", "fc3"], "freed filters can start anew"),
        (["--free", "branch/conv2=2"], "which filters have the lowest entropy is in a table"),
        (["--free", "branch/conv2=9", "--choose-by", "random"], "9 filters are wanted, and it has 8"),
        (["--fresh"], "--fresh says more about a new task beside the old one"),
        (["--rate", "fc3=1", "--preserve", "exact"], "--rate fc3=1 lets a layer of the old net learn"),
        (["--rate", "fc33=1", "--preserve", "exact"], "unknown layer with parameters 'fc33' (did you mean 'fc3'?)"),
        (["--rate", "fc3=-1", "--head-on", "fc3"], "must be a number of at least 0"),
        (["--rate", "fc3=1", "--own-layers", "fc3"], "this old layer does not lead to the new head"),
        (["--rate", "fc3=1", "--adapt", "conv1"], "share this layer's parameters"),
        (["--head-on", "fc33"], "no blob 'fc33'"),
        (["--replaces", "fc4", "--preserve", "exact"], "'fc4' cannot be replaced"),
        (["--rate", "fc3"], "--rate 'fc3': give a layer and a number"),
        ([], "nothing says what learns"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_writes_nothing(options, message, small, table, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(typed(small, table, tmp_path / "run", *options))
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_preserve_refuses_a_plan_that_frees_old_filters(small, tmp_path):
    extension = Extension(preserve="exact")
    with pytest.raises(PlanError, match=r"the plan lets 6 filters of the old net learn \(conv1, branch/conv2\)"):
        made_run(small, tmp_path / "r", plan_of_convolutions(small, share=0.4), extension)
    written = made_run(small, tmp_path / "r", plan_of_convolutions(small, share=0.0), extension)
    assert {each.layer for each in written.learning if each.free and each.how != "frozen"} == {"fc_new"}


def test_freed_filters_need_an_own_place_in_the_plan(small, table, tmp_path):
    with pytest.raises(PlanError, match="'branch/conv2' are freed, but the plan has rates for them too"):
        made_run(small, tmp_path / "r", plan_of_convolutions(small), Extension(free={"branch/conv2": 2}, table=table))
    with pytest.raises(SurgeryError, match="mixes the channels"):
        made_run(small, tmp_path / "r", None, Extension(free={"conv1": 1}, table=table))


def test_a_table_of_other_weights_is_refused(small, table, tmp_path):
    other = tmp_path / "other.caffemodel"
    changed = read_weights(small.weights)
    changed["fc4"][1][0] += 1
    write_weights(other, read_net(small.net), changed)
    (tmp_path / "conversion.json").write_text((small.folder / "conversion.json").read_text())
    extension = Extension(free={"branch/conv2": 2}, table=table)
    with pytest.raises(PlanError, match="was measured with other weights"):
        made_run(dataclasses.replace(small, weights=other), tmp_path / "r", None, extension)


@pytest.fixture
def preserved(small, tmp_path):
    run = tmp_path / "run"
    made_run(small, run, None, Extension(own_layers=("fc3",), preserve="exact"))
    return run


def test_check_finds_weights_and_nets_that_are_not_the_old_ones(preserved):
    path = preserved / "deploy.caffemodel"
    weights, net = read_weights(path), read_net(preserved / "deploy.prototxt")
    changed = {name: [blob.copy() for blob in blobs] for name, blobs in weights.items()}
    changed["fc4"][0][0, 0] += 1e-6
    write_weights(path, net, changed)
    with pytest.raises(CheckError, match="the weights of the old layers are not those of the old net"):
        check(preserved, use_caffe=False)
    write_weights(path, net, weights)
    text = (preserved / "deploy.prototxt").read_text()
    (preserved / "deploy.prototxt").write_text(text.replace('type: "LRN"', 'type: "LRN" lrn_param { alpha: 5 }'))
    with pytest.raises(CheckError, match=r"torchcaffe: layer 'norm1' gives something else in .*deploy.prototxt than"):
        check(preserved, use_caffe=False)


def test_merge_finds_an_old_layer_that_has_changed(preserved):
    snapshot = read_weights(preserved / "split.caffemodel")
    snapshot["conv1"][0] = snapshot["conv1"][0] + 1
    write_weights(preserved / "s.caffemodel", read_net(preserved / "net_split.prototxt"), snapshot)
    with pytest.raises(CheckError, match="'conv1' is not bit-identical"):
        merge(preserved, preserved / "s.caffemodel")
    assert not (preserved / "merged.caffemodel").exists()


def test_merge_writes_into_the_folder_and_over_nothing_of_it(preserved, small, tmp_path):
    snapshot = preserved / "split.caffemodel"
    merged = merge(preserved, snapshot)
    assert list(merged.files) == [preserved / "merged.caffemodel", preserved / "merged.prototxt"]
    for name in ("deploy.caffemodel", "split.caffemodel", "deploy.anything"):
        with pytest.raises(PlanError, match="is a file of the run itself; choose another name"):
            merge(preserved, snapshot, preserved / name)
    other = tmp_path / "other"
    other.mkdir()
    (other / "plan.json").write_text((preserved / "plan.json").read_text())  # a plan alone is no run
    assert merge(preserved, snapshot, other / "merged.caffemodel").files
    (other / "net_split.prototxt").write_text((preserved / "net_split.prototxt").read_text())
    with pytest.raises(PlanError, match="is the folder of another run; choose another place"):
        merge(preserved, snapshot, other / "merged.caffemodel")
    with pytest.raises(PlanError, match="the result has both heads; leave out its net and weights"):
        merge(preserved, snapshot, net=small.net, weights=small.weights)


def test_a_folder_that_is_written_again_without_extension_is_an_ordinary_one(preserved, small):
    made_run(small, preserved, plan_of_convolutions(small))
    assert not list(preserved.glob("extension.json"))
    assert not (preserved / "deploy.caffemodel").exists()
    assert all(not isinstance(found, Preserved) for found in check(preserved, use_caffe=False))
    merged = merge(preserved, preserved / "split.caffemodel")
    assert list(merged.files) == [preserved / "merged.caffemodel"]


@pytest.mark.parametrize("text", ["{}", '{"format": "entropy-extension"}', "nonsense"])
def test_a_broken_extension_file(text, preserved):
    (preserved / "extension.json").write_text(text)
    with pytest.raises(PlanError, match=r"extension.json: .*; make the folder again"):
        check(preserved, use_caffe=False)
