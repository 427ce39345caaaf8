"""A whole study of silenced filters, from its file to the report, as the command runs it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from finetune.__main__ import main
from finetune.ablation.settings import read_ablation
from finetune.errors import ExperimentError
from finetune.study.shipped import shipped_studies
from prototxt.common.atomic import write_text
from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights

STUDY = """
kind = "ablation"
title = "Small"
measures = ["entropy", "-entropy", "weight"]
random = 3
shares = [0.5, 1.0]

[nets.branched]
model = "net.prototxt"
preprocessing = "pixels.json"
task = { images = "images" }
bins = 4
layer_scopes = ["left"]

[variants]
"2 bins" = { bins = 2 }
"""


@pytest.fixture
def folder(model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    write_message(tmp_path / "net.prototxt", model.net)
    write_weights(tmp_path / "net.caffemodel", model.net, model.weights)
    write_text(tmp_path / "pixels.json", model.preprocessing.to_json())
    random = np.random.default_rng(0)
    for part, count in (("train", 6), ("test", 4)):
        for label in ("a", "b", "c"):
            (tmp_path / "images" / part / label).mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                cv2.imwrite(str(tmp_path / "images" / part / label / f"{number}.png"), pixels)
    (tmp_path / "small.toml").write_text(STUDY)
    return tmp_path


def test_the_command_writes_a_report_and_goes_on_with_what_is_there(folder: Path, capsys) -> None:
    main(["run", "small.toml", "--out", "out"])
    report = (folder / "out/README.md").read_text()
    assert "of 12 images with all 14 filters" in report
    assert "| H, highest first |" in report
    assert "| 2 bins |" in report
    assert cv2.imread(str(folder / "out/branched.png")) is not None
    curves = (folder / "out/branched/curves.jsonl").read_text()
    assert len(curves.splitlines()) == (3 + 3) * 3  # measures and random orders, in three scopes
    main(["run", "small.toml", "--out", "out"])
    assert (folder / "out/branched/curves.jsonl").read_text() == curves
    assert (folder / "out/README.md").read_text() == report


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("random = 3", "randon = 3"), "small.toml: unknown key 'randon'; did you mean 'random'"),
        (("bins = 4", "bins = 1"), "nets.branched.bins: input should be greater than or equal to 2; got 1"),
        (("[0.5, 1.0]", "[0.5, 1.5]"), "shares"),
        (("[nets", "[nets"), None),
    ],
)
def test_a_study_file_that_is_not_understood_is_a_sentence(folder: Path, change, message: str | None) -> None:
    (folder / "small.toml").write_text(STUDY.replace(*change))
    if message is None:
        assert read_ablation(folder / "small.toml").nets["branched"].bins == 4
        return
    with pytest.raises(ExperimentError, match=r"small\.toml: ") as caught:
        read_ablation(folder / "small.toml")
    assert message in str(caught.value)


def test_unknown_nets_are_refused(folder: Path, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run", "small.toml", "--nets", "branchy"])
    assert caught.value.code == 2
    assert "did you mean 'branched'" in capsys.readouterr().err


def test_the_shipped_study_is_valid() -> None:
    study = read_ablation(shipped_studies()["does-h-matter"])
    assert {"flowers96", "indoor39", "squeezenet"} == set(study.nets)
