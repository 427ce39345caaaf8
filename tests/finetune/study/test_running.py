import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from finetune.errors import ExperimentError
from finetune.evaluation.confusion import read_confusions
from finetune.evaluation.scores import read_scores
from finetune.methods import METHODS
from finetune.methods.parts.start import start
from finetune.methods.registry import Method
from finetune.study.file import read_study
from finetune.study.log import read_log
from finetune.study.reopening import reopen
from finetune.study.running import running
from finetune.study.runs import read_json
from finetune.training.prepared import NoTerm, Prepared, Stage
from prototxt.common.errors import INTERRUPTED
from prototxt.common.progress import with_bar

CHOSEN = """
[[methods]]
method = "fine-tuning"
grid = {base_lr = [0.0, 0.02, 1e6]}
[[methods]]
method = "head"
options = {bias = [true, false]}
"""


def head(setting, bias):
    heads = start(setting).extended
    stages = (Stage(1.0, {setting.head: 1.0} if bias else {setting.head: 0.5}),)
    return Prepared(heads.net, heads.weights, heads.old_output, heads.new_output, stages, notes=("only a head",))


@pytest.fixture(autouse=True)
def _head_only(monkeypatch):
    monkeypatch.setitem(METHODS, "head", Method("head", "head only", "train a head", "tests", head, {"bias": True}))


def run(files, out, more=CHOSEN, **changes):
    study = read_study(files.study(more)).model_copy(update=changes)
    return with_bar(running(study, out, files.cache), quiet=True)


def test_a_study_runs_end_to_end(files, tmp_path):
    out = tmp_path / "out"
    outcome = run(files, out)
    assert (outcome.finished, outcome.made, outcome.refused, outcome.left) == (6, 6, [], 0)
    rows = sorted(path.name for path in (out / "small-stripes").iterdir())
    assert rows == ["baseline", "fine-tuning", "head-bias=False", "head-bias=True"]
    choice = read_json(out / "small-stripes/fine-tuning/choice.json")
    assert choice["chosen"] == {"base_lr": 0.02}
    scores = [point["score"] for point in choice["points"]]
    assert choice["points"][2]["diverged"].startswith("the loss is")
    assert scores[2] == -1
    assert max(scores) == scores[1]
    assert all(point["target_images"] == 4 for point in choice["points"][:2])
    folder = out / "small-stripes/fine-tuning/seed-1"
    config, result = read_json(folder / "config.json"), read_json(folder / "result.json")
    assert config["training"]["base_lr"] == 0.02
    assert config["hash"] == result["hash"]
    assert result["target_images"] == result["source_images"] == 30
    assert [record["iteration"] for record in read_log(folder / "log.jsonl")] == [2, 4, 6]
    assert not (folder / "checkpoint.pt").exists()
    scores = read_scores(folder / "logits.npz")
    assert scores["target"].accuracy == pytest.approx(result["target_accuracy"])
    assert scores["source"].logits.shape == (30, 3)
    # Frozen trunk and old head: to the last bit what the source net says.
    baseline = read_scores(out / "small-stripes/baseline/logits.npz")["source"].logits
    kept = read_scores(out / "small-stripes/head-bias=True/seed-0/logits.npz")["source"].logits
    assert np.array_equal(baseline, kept)
    assert not np.array_equal(baseline, scores["source"].logits)


def test_points_of_a_grid_may_be_tried_with_fewer_iterations(files, tmp_path):
    study = read_study(files.study('[[methods]]\nmethod = "head"\ngrid = {base_lr = [0.01, 0.02]}\n'))
    study = study.model_copy(update={"selection": study.selection.model_copy(update={"iterations": 2}), "seeds": (0,)})
    with_bar(running(study, tmp_path, files.cache), quiet=True)
    row = tmp_path / "small-stripes/head"
    iterations = [read_json(path)["training"]["iterations"] for path in sorted(row.rglob("config.json"))]
    assert iterations == [2, 2, 6]  # choice/point-0, choice/point-1, seed-0


def test_what_is_done_stays_and_what_changed_is_made_again(files, tmp_path):
    out = tmp_path / "out"
    more = '[[methods]]\nmethod = "head"\n[[methods]]\nmethod = "fine-tuning"\n'
    run(files, out, more)
    again = run(files, out, more)
    assert (again.finished, again.made, again.redone) == (4, 0, [])
    changed = run(files, out, more.replace('"fine-tuning"\n', '"fine-tuning"\nengine = "torchcaffe"\n'))
    assert changed.made == 0
    changed = run(files, out, more + 'options = {}\nname = "fine-tuning"\ntraining = {momentum = 0.5}\n')
    assert changed.redone == ["small-stripes/fine-tuning/seed-0", "small-stripes/fine-tuning/seed-1"]
    assert (changed.finished, changed.made) == (4, 2)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_study_that_was_stopped_goes_on_and_ends_the_same(jobs, files, tmp_path):
    more = '[[methods]]\nmethod = "fine-tuning"\ntraining = {iterations = 60}\n'
    run(files, tmp_path / "whole", more)
    study = read_study(files.study(more)).model_copy(update={"jobs": jobs})
    work = running(study, tmp_path / "out", files.cache)
    for step in work:
        if "of 2 runs" in step.what and step.done > 80:
            break
    work.close()
    assert list((tmp_path / "out").rglob("checkpoint.pt"))
    again = with_bar(running(study, tmp_path / "out", files.cache), quiet=True)
    assert again.finished == 2
    for seed in (0, 1):
        folder = f"small-stripes/fine-tuning-iterations=60/seed-{seed}"
        whole, resumed = (tmp_path / place / folder for place in ("whole", "out"))
        assert (whole / "log.jsonl").read_text() == (resumed / "log.jsonl").read_text()
        one, other = (read_scores(place / "logits.npz")["source"].logits for place in (whole, resumed))
        assert np.array_equal(one, other)


def test_a_part_of_the_rows_is_run_first(files, tmp_path):
    more = '[[methods]]\nmethod = "head"\n[[methods]]\nmethod = "fine-tuning"\n'
    study = read_study(files.study(more))
    part = with_bar(running(study, tmp_path, files.cache, only=["head"]), quiet=True)
    assert (part.made, [path.name for path in sorted((tmp_path / "small-stripes").iterdir())]) == (
        2,
        ["baseline", "head"],
    )
    whole = with_bar(running(study, tmp_path, files.cache), quiet=True)
    assert (whole.finished, whole.made) == (4, 2)
    with pytest.raises(ExperimentError, match="unknown row 'heads'; did you mean 'head'"):
        with_bar(running(study, tmp_path, files.cache, only=["heads"]), quiet=True)


def test_the_budget_ends_a_study(files, tmp_path):
    outcome = run(files, tmp_path, '[[methods]]\nmethod = "head"\n', budget=1e-3)
    assert (outcome.finished, outcome.left) == (1, 1)
    outcome = run(files, tmp_path, '[[methods]]\nmethod = "head"\n', budget=1e6)
    assert (outcome.finished, outcome.made, outcome.left) == (2, 1, 0)


def test_a_method_that_refuses_does_not_stop_the_others(files, tmp_path, monkeypatch):
    def refusing(setting):
        raise ExperimentError("this method wants a net with eyes")

    monkeypatch.setitem(METHODS, "blind", Method("blind", "blind", "refuse", "tests", refusing))
    outcome = run(files, tmp_path, '[[methods]]\nmethod = "blind"\n[[methods]]\nmethod = "head"\n')
    assert outcome.made == 2
    assert outcome.refused[0] == ("small-stripes/blind/seed-0", "this method wants a net with eyes")


def test_the_engine_caffe_refuses_terms_by_name(files, tmp_path, monkeypatch):
    def penalised(setting):
        prepared = head(setting, True)
        return Prepared(
            prepared.net, prepared.weights, prepared.old_output, prepared.new_output, prepared.stages, [NoTerm()]
        )

    monkeypatch.setitem(METHODS, "penalty", Method("penalty", "penalty", "pull", "tests", penalised))
    outcome = run(files, tmp_path, '[[methods]]\nmethod = "penalty"\nengine = "caffe"\n')
    assert "method 'penalty' has 1 terms beyond lr_mult, which real Caffe cannot train" in outcome.refused[0][1]


@pytest.mark.caffe
def test_real_caffe_trains_a_study(files, tmp_path):
    outcome = run(files, tmp_path, '[[methods]]\nmethod = "head"\n[[methods]]\nmethod = "m2"\n', engine="caffe")
    assert (outcome.refused, outcome.made) == ([], 4)
    folder = tmp_path / "small-stripes/head/seed-0"
    assert [record["iteration"] for record in read_log(folder / "log.jsonl")] == [0, 2, 4, 6]
    baseline = read_scores(tmp_path / "small-stripes/baseline/logits.npz")["source"].logits
    assert np.array_equal(read_scores(folder / "logits.npz")["source"].logits, baseline)
    assert (folder / "caffe/train.log").is_file()


def test_h_is_measured_once_for_a_net(files, tmp_path, monkeypatch):
    tables = []

    def measuring(setting):
        tables.append((setting.measure("default"), setting.measure("thesis")))
        return head(setting, True)

    monkeypatch.setitem(METHODS, "h", Method("h", "h", "measure", "tests", measuring))
    run(files, tmp_path, '[[methods]]\nmethod = "h"\n')
    default, thesis = tables[0]
    assert default.provenance.images == 48
    assert set(default.layers) == {"conv1", "conv2"}
    assert default.taylor is not None
    assert thesis.bins[0] == 10
    assert thesis.h_relative.max() == 1
    assert (thesis.h_relative == thesis.h / thesis.h.max()).all()
    assert np.array_equal(tables[1][0].h, default.h)
    assert (tmp_path / "measures/small/scan.h5").is_file()


def test_a_net_with_a_gate_is_judged_without_being_told_the_task(files, tmp_path):
    options = "options = {code = 4, images = 40, iterations = 200}"
    outcome = run(files, tmp_path, f'[[methods]]\nmethod = "expert-gate"\nseeds = [0]\n{options}\n')
    assert outcome.refused == []
    (path,) = tmp_path.rglob("seed-0/result.json")
    result = read_json(path)
    for task in ("source", "target"):
        assert 0 <= result[f"{task}_untold"] <= min(result[f"{task}_gate"], result[f"{task}_accuracy"])


def test_what_training_did_to_every_filter_is_kept_when_asked_for(files, tmp_path):
    more = '[[methods]]\nmethod = "head"\n[[methods]]\nmethod = "fine-tuning"\n[evaluation]\nfilters = true\n'
    run(files, tmp_path, more)
    lines = {
        row: (tmp_path / f"small-stripes/{row}/seed-0/filters.csv").read_text().splitlines()
        for row in ("head", "fine-tuning")
    }
    changes = {row: [float(line.split(",")[3]) for line in found[1:]] for row, found in lines.items()}
    assert len(changes["head"]) == len(changes["fine-tuning"]) == 33
    assert not any(changes["head"])
    assert all(changes["fine-tuning"][:30])  # the old head, the last three, has no gradient of the new task


def test_processes_of_torchrun_train_one_run_together(files, tmp_path):
    more = '[[methods]]\nmethod = "fine-tuning"\nseeds = [0]\n'
    run(files, tmp_path / "one", more)
    outcome = run(files, tmp_path / "two", more, engine="torchrun", processes=2)
    assert outcome.refused == []
    one, two = (
        read_scores(tmp_path / place / "small-stripes/fine-tuning/seed-0/logits.npz")["target"].logits
        for place in ("one", "two")
    )
    np.testing.assert_allclose(two, one, atol=2e-3)  # both rounded to half precision
    assert not list((tmp_path / "two").rglob("launch*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(number, files, tmp_path):
    path = files.study('[[methods]]\nmethod = "fine-tuning"\ntraining = {iterations = 100000}\n')
    command = [sys.executable, "-m", "finetune", "run", path, "--out", tmp_path / "out", "--cache", files.cache]
    process = subprocess.Popen(
        [*map(str, command), "--jobs", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )
    while not list((tmp_path / "out").rglob("log.jsonl")):
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, number)
    out, error = process.communicate()
    assert process.returncode == INTERRUPTED, error
    assert f"this goes on with it: python -m finetune run {path} --out {tmp_path / 'out'}" in out
    assert "Traceback" not in error
    assert list((tmp_path / "out").rglob("checkpoint.pt"))


def test_a_folder_is_for_one_process_at_a_time(files, tmp_path):
    work = running(read_study(files.study()), tmp_path / "out", files.cache)
    next(work)
    with pytest.raises(ExperimentError, match="another process is running a study there"):
        run(files, tmp_path / "out")
    work.close()
    assert run(files, tmp_path / "out", '[[methods]]\nmethod = "head"\n').made == 2


def test_a_net_that_does_not_fit_its_task_is_refused(files, tmp_path):
    study = read_study(files.study())
    nets = {"small": study.nets["small"].model_copy(update={"task": "stripes"})}
    with pytest.raises(ExperimentError, match="net 'small' has 3 class scores, but its task 'stripes' has 2 classes"):
        with_bar(running(study.model_copy(update={"nets": nets}), tmp_path, files.cache), quiet=True)


def test_a_log_that_was_cut_off_is_read(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"iteration": 1}\n{"iter')
    assert read_log(tmp_path / "log.jsonl") == [{"iteration": 1}]
    (tmp_path / "log.jsonl").write_text('{"iter\n{"iteration": 1}\n')
    with pytest.raises(ExperimentError, match=r"log\.jsonl:1: is no JSON"):
        read_log(tmp_path / "log.jsonl")


CROSSED = """
patience = 1
check_every = 2
[evaluation]
confusion = true
weights = true
[[methods]]
method = "head"
[[methods]]
method = "fine-tuning"
"""


def test_cross_validation_with_early_stopping_and_confusions(files, tmp_path):
    path = files.study(CROSSED)
    divided = "split = [0.5, 0.3, 0.2]\ncross_validation = true\n[nets.small]"
    path.write_text(path.read_text().replace("[nets.small]", divided).replace("seeds = [0, 1]", "seeds = [0, 1, 5]"))
    study, out = read_study(path), tmp_path / "out"
    outcome = with_bar(running(study, out, files.cache), quiet=True)
    assert (outcome.finished, outcome.refused) == (6, [])
    seen = {}
    for seed in (0, 1, 5):
        folder = out / f"small-stripes/fine-tuning/seed-{seed}"
        result, scores = read_json(folder / "result.json"), read_scores(folder / "logits.npz")
        assert result["target_images"] == 14  # a fifth of 40 and 30 together
        assert result["source_images"] == 30
        assert result["best_iteration"] <= result["last_iteration"] <= 6
        checks = [record["iteration"] for record in read_log(folder / "log.jsonl") if "validation" in record]
        assert checks == list(range(2, result["last_iteration"] + 1, 2))
        confusion = read_confusions(folder / "confusion.json")
        np.testing.assert_array_equal(confusion["target"].counts, scores["target"].confusion)
        assert confusion["source"].classes == ("red", "green", "blue")
        again = reopen(folder, files.cache)
        assert again.iteration == result["best_iteration"]
        seen[seed] = set(again.material.target.test.names)
    assert not seen[0] & seen[1]
    assert seen[0] == seen[5], "seed 5 is fold 0 of 5"
    assert with_bar(running(study, out, files.cache), quiet=True).made == 0


def test_early_stopping_without_validation_images_is_refused_by_name(files, tmp_path):
    outcome = run(files, tmp_path, 'patience = 2\n[[methods]]\nmethod = "head"\n')
    assert [words for _, words in outcome.refused] == [outcome.refused[0][1]] * 2
    assert "early stopping (patience) needs validation images" in outcome.refused[0][1]
    stock = 'patience = 2\n[[methods]]\nmethod = "head"\nengine = "caffe"\n'
    assert "real Caffe cannot stop early" in run(files, tmp_path / "caffe", stock).refused[0][1]
