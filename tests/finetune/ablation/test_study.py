"""A whole study of silenced filters, from its file to the report, as the command runs it."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.stats import spearmanr

from entropy.measuring.table_files import read_table
from finetune.__main__ import main
from finetune.ablation.movement import read_changes
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
    rows = report.split("all measures with each other, mean within layers:")[1].strip().splitlines()
    assert rows[0] == "| | H | mean | standard deviation | weight | Taylor | MAS |"
    numbers = np.array([[float(cell) for cell in row.split("|")[2:-1]] for row in rows[2:8]])
    np.testing.assert_allclose(numbers, numbers.T)
    np.testing.assert_allclose(np.diag(numbers), 1)
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


MOVED = """[nets.branched.movement]
task = { images = "others" }
seeds = [1, 2]
training = { iterations = 4, batch = 4, base_lr = 0.05 }

[variants]
"""


def test_it_is_asked_whether_h_said_which_filters_fine_tuning_moves(folder: Path) -> None:
    shutil.copytree(folder / "images", folder / "others")
    for part in ("train", "test"):
        shutil.rmtree(folder / "others" / part / "c")
    (folder / "small.toml").write_text(STUDY.replace("[variants]\n", MOVED))
    main(["run", "small.toml", "--out", "out"])
    report = (folder / "out/README.md").read_text()
    assert "### Does H say which filters move?" in report
    assert "Plain fine-tuning for others, seeds 1, 2" in report
    rows = [line for line in report.split("### Does H say")[1].splitlines() if line.startswith("| ")]
    titles = ["measure", "H", "mean", "standard deviation", "weight", "Taylor", "MAS", "2 bins"]
    assert [row.split(" | ")[0].strip("| ") for row in rows] == titles
    assert "Filters with low H move more (change of weights, within layers): **" in report
    assert cv2.imread(str(folder / "out/branched-movement.png")).std() > 5

    tables = [(folder / f"out/branched/movement-{seed}.csv").read_text() for seed in (1, 2)]
    assert tables[0] != tables[1]
    table = read_table(folder / "out/branched/entropy.csv")
    changes = [read_changes(folder / f"out/branched/movement-{seed}.csv", table)["weight_change"] for seed in (1, 2)]
    assert (np.array(changes) > 0).any()
    expected = [
        spearmanr(table.h[table.layer == layer], change[table.layer == layer]).statistic
        for layer in ("conv1", "left", "right")
        for change in changes
        if np.ptp(table.h[table.layer == layer])
    ]
    assert rows[1].split(" | ")[1].startswith(f"{np.mean(expected):+.2f} (")
    assert not list((folder / "out/branched").glob("*.pt"))


def test_movement_stays_until_the_training_changes(folder: Path) -> None:
    (folder / "small.toml").write_text(STUDY.replace("[variants]\n", MOVED.replace("others", "images")))
    main(["run", "small.toml", "--out", "out"])
    file = folder / "out/branched/movement-1.csv"
    first = file.read_text()
    file.write_text(first.replace("left,0,1,", "left,0,1,9"))
    main(["run", "small.toml", "--out", "out"])
    assert file.read_text() != first, "what is there stays"
    (folder / "small.toml").write_text((folder / "small.toml").read_text().replace("0.05", "0.06"))
    main(["run", "small.toml", "--out", "out"])
    assert "left,0,1,9" not in file.read_text()
    file.write_text("layer,index,weight_change,activity_change\n")
    with pytest.raises(SystemExit):
        main(["run", "small.toml", "--out", "out"])
