"""A study in one file, and back."""

from __future__ import annotations

import json

import pytest

from finetune.__main__ import main
from finetune.errors import ExperimentError
from finetune.results.packing import packed, unpack
from finetune.results.reading import read_results
from finetune.results.report import write_report
from finetune.study.runs import read_json, write_json


def test_a_study_that_was_packed_gives_the_same_report(study_folder, tmp_path):
    file, other = tmp_path / "runs.jsonl", tmp_path / "other"
    main(["pack", str(study_folder), str(file)])
    main(["unpack", str(file), str(other)])
    assert read_results(other).missing == []
    for folder in (study_folder, other):
        write_report(folder)
    assert (other / "report.md").read_text() == (study_folder / "report.md").read_text()


def test_packing_is_stable(study_folder, tmp_path):
    text = packed(study_folder)
    unpack(text, tmp_path / "other")
    assert packed(tmp_path / "other") == text


def test_what_lies_there_stays(study_folder):
    text = packed(study_folder)
    run = study_folder / "a-b/gentle/seed-0"
    write_json(run / "result.json", {**read_json(run / "result.json"), "cpu_seconds": 77.0})
    assert unpack(text, study_folder) == 0
    assert read_json(run / "result.json")["cpu_seconds"] == 77.0


def test_a_run_that_is_made_again_is_not_packed(study_folder):
    run = study_folder / "a-b/gentle/seed-0"
    write_json(run / "config.json", {**read_json(run / "config.json"), "hash": "another"})
    folders = [json.loads(line)["folder"] for line in packed(study_folder).splitlines()]
    assert "a-b/gentle/seed-0" not in folders
    assert "a-b/gentle/seed-1" in folders


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "file:1: is no run of a study"),
        ("[]", "file:1: is no run of a study"),
        ('{"folder": "a"}\n{"folder": "../b"}', "file:2: the folder '../b' leads out of the study"),
        ('{"folder": "/b"}', "file:1: the folder '/b' leads out of the study"),
    ],
)
def test_a_damaged_file_is_refused_before_anything_is_written(text, words, tmp_path):
    with pytest.raises(ExperimentError, match=words):
        unpack(text, tmp_path / "out", "file")
    assert not (tmp_path / "out").exists()


def test_only_a_study_is_packed(tmp_path):
    with pytest.raises(ExperimentError, match=r"holds no study\.json"):
        packed(tmp_path)
