"""The GPU command without a GPU: its plan, what it refuses, and a dry run on the CPU of two iterations."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from finetune.errors import ExperimentError
from finetune.study.file import read_study
from finetune.study.runs import read_json
from finetune.study.shipped import shipped_studies
from prototxt.common.progress import Progress, with_bar
from tests.finetune.conftest import Files, colours, small_model, stripes, write_class_folders, write_model

REPOSITORY = Path(__file__).resolve().parents[2]
MORE = """
[[methods]]
method = "fine-tuning"
grid = { base_lr = [0.001, 0.01] }
[[methods]]
method = "head-only"
seeds = [0, 1, 2]
engine = "caffe"
training = { iterations = 50 }
"""


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_studies_on_gpu", REPOSITORY / "tools/run_studies_on_gpu.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look up their annotations
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def files(tmp_path) -> Files:
    write_model(tmp_path / "model", small_model())
    write_class_folders(tmp_path / "colours", colours, ("red", "green", "blue"), 48, 30)
    write_class_folders(tmp_path / "stripes", stripes, ("lying", "standing"), 40, 30)
    return Files(tmp_path)


@pytest.fixture
def cards(monkeypatch):
    """Two cards of 24 GB, as PyTorch tells of them."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"card {number}")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: SimpleNamespace(total_memory=24e9))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_the_plan_counts_what_the_study_will_do(tool, files):
    study = tool.for_device(read_study(files.study(MORE.replace("grid", "# grid"))), "cuda", 16, None)
    assert (study.device, study.jobs, study.threads, study.budget) == ("cuda", 16, 1, None)
    study = tool.for_device(read_study(files.study(MORE)), "cuda", 16, None)
    plan = tool.plan_of(study, ("card",), 10)
    assert (plan.runs, plan.points) == (2 + 3, 2)
    assert plan.iterations == 6 * (2 + 2) + 50 * 3
    assert plan.rate == pytest.approx(plan.iterations / 600)
    assert "2 trainings to choose settings and 5 to test, 174 iterations in all, by 16 processes on 1 cards" in str(
        plan
    )
    quicker = study.model_copy(update={"selection": study.selection.model_copy(update={"iterations": 4})})
    assert tool.plan_of(quicker, ("card",), 10).iterations == 6 * 2 + 4 * 2 + 50 * 3
    short = tool.for_device(study, "cuda", 16, 2)
    assert tool.plan_of(short, (), 10).iterations == 2 * 7


def test_the_whole_thesis_study_is_planned(tool, cards, capsys):
    tool.main(plan_only=True, processes=6)
    text = capsys.readouterr().out
    study = read_study(shipped_studies()["thesis-b"])
    runs = 2 * sum(len(row.seeds or study.seeds) for row in study.methods)
    assert f"and {runs} to test" in text
    assert "by 12 processes on 2 cards (card 0, card 1)" in text


def test_what_cannot_be_done_is_refused(tool, cards, files, monkeypatch):
    assert tool.names_of_cards("cuda:1") == ("card 1",)
    assert tool.names_of_cards("cpu") == ()
    with pytest.raises(ExperimentError, match=r"--device cuda:2: PyTorch .* sees 2 CUDA cards"):
        tool.names_of_cards("cuda:2")
    for device in ("mps", "cuda:", "cuda:one"):
        with pytest.raises(ExperimentError, match=f"--device {device}: give cuda, cuda:0 and the like, or cpu"):
            tool.names_of_cards(device)
    study = read_study(files.study(MORE))
    tool.check_memory(study, "cuda", 6)
    with pytest.raises(ExperimentError, match=r"--processes 8: each takes up to 3.5 GB.*has 24 GB; give at most 6"):
        tool.check_memory(study, "cuda", 8)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ExperimentError, match="--minutes must be above 0; got -1"):
        tool.main(minutes=-1)
    with pytest.raises(ExperimentError, match=r"sees 0 CUDA cards.*--device cpu --iterations 2"):
        tool.main()


def test_a_dry_run_on_the_cpu_collects_what_is_small(tool, files, tmp_path, capsys):
    more = MORE + "[evaluation]\nweights = true\n"
    arguments = {"device": "cpu", "processes": 1, "iterations": 2, "cache": files.cache}
    places = {"out": tmp_path / "out", "collected": tmp_path / "small"}
    tool.main((str(files.study(more)),), **arguments, **places)
    text = capsys.readouterr().out
    assert "all 5 runs are done, 5 of them now" in text
    small = tmp_path / "small/study"
    found = {path.relative_to(small).as_posix() for path in small.rglob("*") if path.is_file()}
    run = "small-stripes/head-only/seed-2"
    assert {"report.md", "machine.json", "study.toml", f"{run}/result.json", f"{run}/log.jsonl"} <= found
    assert not [name for name in found if name.endswith((".npz", ".caffemodel", ".h5", "net.prototxt"))]
    assert (tmp_path / "out/study" / run / "weights.caffemodel").is_file()
    assert read_json(small / run / "config.json")["training"]["iterations"] == 2
    facts = read_json(small / "machine.json")
    assert facts["plan"]["runs"] == facts["outcome"]["finished"] == 5
    tool.main((str(files.study(more)),), **arguments, **places)
    assert "all 5 runs are done, 0 of them now" in capsys.readouterr().out


def test_work_stops_at_its_moment_and_is_closed(tool):
    closed = []

    def endless():
        try:
            while True:
                time.sleep(0.01)
                yield Progress(0, 1, "work")
        finally:
            closed.append(True)

    assert with_bar(tool.until(endless(), time.monotonic() + 0.05), quiet=True) is None
    assert closed == [True]

    def short():
        yield Progress(1, 1, "work")
        return "done"

    assert with_bar(tool.until(short(), time.monotonic() + 60), quiet=True) == "done"


def test_a_study_whose_time_is_up_at_once_says_so(tool, files, tmp_path, capsys):
    arguments = {"device": "cpu", "processes": 1, "iterations": 2, "cache": files.cache, "minutes": 1e-6}
    tool.main((str(files.study(MORE)),), **arguments, out=tmp_path / "out", collected=tmp_path / "small")
    text = capsys.readouterr().out
    assert "the time is up after 0 s; the same command goes on" in text
    assert "no report (" in text
    assert not (tmp_path / "small").exists()
