"""``deepvis export`` and ``deepvis mean --doctor`` as commands."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import deepvis.__main__ as command
from deepvis.export.folder import RECORD
from entropy.planning.plan import LayerPlan, Plan
from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights
from prototxt.pixels.decode import read_image
from prototxt.pixels.preprocess import Preprocessing

PLAN = Plan(
    method=2, formula="", threshold=1.0, share_wanted=None, share_free=0.4, hmax="layer", levels=None, weights_hash="",
    images_hash="", preprocessing_hash="", measured={"bins": 16, "quantile": 0.9},
    layers={"conv1": LayerPlan(requested=(0, 1, 0.5, 0, 0), realised=(0, 1, 0.5, 0, 0))},
)  # fmt: skip


@pytest.fixture
def model_folder(scanned, tmp_path: Path) -> Path:
    """The scanned model on disk, without its preprocessing, which the scan knows."""
    folder = tmp_path / "model"
    folder.mkdir()
    write_message(folder / "small.prototxt", scanned.model.net)
    write_weights(folder / "small.caffemodel", scanned.model.net, scanned.model.weights)
    return folder


def run(*arguments: object) -> int:
    try:
        return command.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


def error(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert run(*arguments) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("deepvis: error: ")]
    return line


def test_export_is_a_command(scanned, model_folder: Path, tmp_path: Path, capsys) -> None:
    scan, out = scanned.scan.path, tmp_path / "out"
    options = ("--layers", "fc", "conv1", "--patches", 2, "--back", "guided", "deconv", "--device", "cpu")
    assert run("export", model_folder, "folders", "--scan", scan, "--out", out, *options) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert {path.name for path in (out / "fc/unit_0005").iterdir()} == {
        "info.txt", *(f"{kind}_{rank:03d}.png" for rank in (0, 1)
                      for kind in ("maxim", "guided", "guidednorm", "deconv", "deconvnorm")),
    }  # fmt: skip
    record = json.loads((out / RECORD).read_text())
    assert (record["form"], record["layers"], record["patches"]) == ("folders", ["fc", "conv1"], 2)
    scan.rename(model_folder / "scan.h5")
    (model_folder / "plan.json").write_text(PLAN.to_json())
    scanned.images.path(4).unlink()
    assert run("export", model_folder, "atlas", "--out", tmp_path / "atlas", "--size", 32) == 0
    shown = capsys.readouterr()
    assert shown.out == f"{tmp_path / 'atlas' / 'index.html'}\n"
    assert "1 images could not be used; their patches are left out" in shown.err
    data = json.loads((tmp_path / "atlas/units.js").read_text().removeprefix("const ATLAS = ").removesuffix(";\n"))
    assert data["layers"][0]["rate"] == [0, 1, 0.5, 0, 0]
    assert data["layers"][1]["rate"] == [None] * 4
    assert max(data["layers"][0]["h"]) <= 4  # sixteen bins


def test_images_can_have_moved(scanned, model_folder: Path, tmp_path: Path) -> None:
    expected = scanned.scan.patch("conv1", 0, 0)
    scanned.images.root.rename(tmp_path / "moved")
    arguments = ("export", model_folder, "patches", "--scan", scanned.scan.path, "--out", tmp_path / "out")
    assert run(*arguments) == 2
    assert run(*arguments, "--images", tmp_path / "moved") == 0
    assert np.array_equal(read_image(tmp_path / "out/conv1/0000_0.png"), expected)


def test_bad_input_of_export_is_one_sentence(scanned, make_model, model_folder: Path, tmp_path: Path, capsys) -> None:
    start = ("export", model_folder, "sheets", "--out", tmp_path / "out")
    scan = ("--scan", scanned.scan.path)
    before = set(tmp_path.rglob("*"))
    assert "no such file; make one with: deepvis scan" in error(capsys, *start)
    assert "--patches 0: must be at least 1" in error(capsys, *start, *scan, "--patches", 0)
    assert "--batch 0: must be at least 1" in error(capsys, *start, *scan, "--batch", 0)
    assert "--size 4: must be 16 to 512 pixels" in error(capsys, *start, *scan, "--size", 4)
    assert "has no layer 'conv7'; it has conv1" in error(capsys, *start, *scan, "--layers", "conv7")
    assert "holds other files" in error(capsys, *start[:-1], model_folder, *scan)
    assert set(tmp_path.rglob("*")) == before
    plan = tmp_path / "plan.json"
    plan.write_text(PLAN.model_copy(update={"weights_hash": "of another"}).to_json())
    assert "plan.json: was made for other weights" in error(capsys, *start, *scan, "--plan", plan)
    plan.unlink()
    other = make_model(seed=8)
    write_weights(model_folder / "small.caffemodel", other.net, other.weights)
    assert "was made with other weights" in error(capsys, *start, *scan)
    assert set(tmp_path.rglob("*")) == before


def test_the_doctor_is_a_command(scanned, model_folder: Path, tmp_path: Path, capsys) -> None:
    lines = [f"{scanned.images.path(n)} {n % 3}\n" for n in range(9)]
    (tmp_path / "list.txt").write_text("".join(lines))
    np.save(tmp_path / "mean.npy", np.full((3, 9, 11), 4, np.float32))
    start = ("mean", "--doctor", model_folder, "--images", tmp_path / "list.txt", "--device", "cpu")
    geometry = ("--resize", "9,11", "--crop", "9,11")
    assert run(*start, *geometry, "--mean-file", tmp_path / "mean.npy", "--out", tmp_path / "found.json") == 0
    shown = capsys.readouterr().out
    assert "trained with: --channel-order" in shown
    assert "cannot be told apart by these images" in shown
    found = Preprocessing.from_json((tmp_path / "found.json").read_text())
    assert (found.resize_to, found.crop) == ((9, 11), (9, 11))
    assert "the net takes 9 x 11; give --resize and --crop" in error(capsys, *start, "--resize", "5,5")
    assert "--limit 0: must be at least 1" in error(capsys, *start, "--limit", 0)
    (tmp_path / "list.txt").write_text(f"{scanned.images.path(0)}\n")
    assert "needs images with classes" in error(capsys, *start)
    cv2.imwrite(str(tmp_path / "mean.png"), np.zeros((9, 11, 3), np.uint8))
    assert "mean.png" in error(capsys, *start, "--mean-file", tmp_path / "mean.png")
