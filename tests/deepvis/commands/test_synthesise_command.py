"""``deepvis synthesise``: what it writes, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

import deepvis.__main__ as command
from deepvis.commands.synthesise import read_units
from deepvis.export.unit_folders import open_unit_pictures
from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights


@pytest.fixture
def model_folder(make_model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    model, folder = make_model("GRAY"), tmp_path / "model"
    folder.mkdir()
    write_message(folder / "small.prototxt", model.net)
    write_weights(folder / "small.caffemodel", model.net, model.weights)
    (folder / "pixels.json").write_text(model.preprocessing.to_json())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return folder


def run(folder: Path, *arguments: object) -> int:
    given = ["synthesise", folder, "--preprocessing", folder / "pixels.json", "--device", "cpu", *arguments]
    try:
        return command.main([str(argument) for argument in given])
    except SystemExit as stop:
        return int(stop.code or 0)


def test_pictures_of_units(model_folder: Path, capsys) -> None:
    options = ("--layers", "conv1", "fc8", "--units", "0:2", "--count", 2, "--out", "made", "--steps", 3)
    assert run(model_folder, *options) == 0
    assert capsys.readouterr().out == "made: 8 pictures made\n"
    pictures = open_unit_pictures("made")
    for layer in ("conv1", "fc8"):
        assert pictures.units(layer) == (0, 1)
        assert [picture.path.name for picture in pictures.pictures(layer, 1)] == [
            "opt_000_seed0.png",
            "opt_001_seed1.png",
        ]
    assert run(model_folder, *options, "--position", "max", "--fresh", "--preset", "yosinski4") == 0
    assert run(model_folder, *options) == 2
    assert "was made with another preset" in capsys.readouterr().err


def test_without_a_folder_the_window_finds_them(model_folder: Path, capsys) -> None:
    assert run(model_folder, "--layers", "conv1", "--units", "4", "--steps", 1) == 0
    folder = Path(capsys.readouterr().out.split(":")[0])
    assert folder.parent == Path("home/.cache/deepvis/synthesised").resolve()
    assert open_unit_pictures(folder).units("conv1") == (4,)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--layers", "conv7"), "no layer 'conv7'"),
        (("--layers", "conv1", "--units", "3:9"), "--units 3:9: the layer has units 0 to 4"),
        (("--layers", "conv1", "--units", "x"), "--units x: is no unit"),
        (("--layers", "conv1", "--position", "left"), "--position left: must be centre, max, mean, or y,x"),
        (("--layers", "conv1", "--position", "20,20"), "there is no position (20, 20)"),
        (("--layers", "conv1", "--start", "none.png"), "--start none.png: must be mean, noise, uniform, or a picture"),
        (("--layers", "conv1", "--count", 0), "--count 0: must be at least 1"),
        (("--layers", "conv1", "--device", "tpu"), "tpu"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(model_folder: Path, capsys, arguments, words) -> None:
    assert run(model_folder, "--out", "made", "--steps", 1, *arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert words in next(line for line in lines if line.startswith("deepvis: error: "))
    assert not any("Traceback" in line for line in lines)
    assert not Path("made").exists()


def test_units_are_half_open() -> None:
    assert read_units(["2", "0:2", ":1", "7:"], 9) == [0, 1, 2, 7, 8]
    assert read_units([":"], 3) == [0, 1, 2]
