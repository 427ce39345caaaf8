"""The command ``deepvis``: what it writes, and what it says when it cannot."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

import deepvis.__main__ as command
from deepvis.pixels.mean_file import read_mean
from deepvis.scan.reader import Scan
from deepvis.sources import Images
from entropy import FewImagesWarning, measure
from prototxt.common.errors import INTERRUPTED
from prototxt.formats.blob import read_blob
from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights


@pytest.fixture
def model_folder(make_model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a net, its weights and its preprocessing; also the current folder is a fresh one."""
    model, folder = make_model(), tmp_path / "model"
    folder.mkdir()
    write_message(folder / "small.prototxt", model.net)
    write_weights(folder / "small.caffemodel", model.net, model.weights)
    (folder / "pixels.json").write_text(model.preprocessing.to_json())
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return folder


def run(*arguments: object) -> int:
    try:
        return command.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


def error(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command that must fail with code 2; gives its one sentence."""
    before = set(Path.cwd().rglob("*"))
    assert run(*arguments) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("deepvis: error: ")]
    assert set(Path.cwd().rglob("*")) == before
    return line


def test_scan_writes_a_scan(model_folder: Path, make_pictures, capsys: pytest.CaptureFixture[str]) -> None:
    images = make_pictures(5)
    images.path(2).write_text("no picture")
    pixels = ("--preprocessing", model_folder / "pixels.json")
    options = ("--top", 2, "--batch", 2, "--device", "cpu", "--layers", "fc", "conv1")
    assert run("scan", model_folder, "--images", images.root, *pixels, *options) == 0
    shown = capsys.readouterr()
    assert shown.out == "scan.h5: 4 images\n"
    assert "1 images could not be used and are marked in the file" in shown.err
    assert "2.png: is not a picture" in shown.err
    with Scan("scan.h5") as opened:
        assert list(opened.layers) == ["conv1", "fc"]
        assert opened.means("fc", before=True).shape == (5, 6)
        assert len(opened.top("fc", 0)) == 2


def test_a_scan_without_means_is_measured_from_its_histograms(model_folder: Path, make_pictures, capsys) -> None:
    pixels = ("--preprocessing", model_folder / "pixels.json")
    scanned = ("scan", model_folder, "--images", make_pictures(30).root, *pixels, "--device", "cpu")
    assert run(*scanned, "--no-means", "--out", "small.h5") == 0
    assert run(*scanned, "--histograms", "--out", "both.h5") == 0
    with Scan("small.h5") as small, Scan("both.h5") as both:
        assert (small.keeps_means, both.keeps_means) == (False, True)
    with pytest.warns(FewImagesWarning):
        tables = [
            measure(path, ["conv1"], width=2.0**-4, quantile=1, kept=kept)
            for path, kept in (("small.h5", "auto"), ("both.h5", "histograms"), ("both.h5", "table"))
        ]
    assert tables[0].h.max() > 0
    for table in tables[1:]:
        np.testing.assert_array_equal(table.h, tables[0].h)


def test_scan_says_what_it_assumed(model_folder: Path, make_pictures, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("scan", model_folder, "--images", make_pictures(1).root, "--device", "cpu") == 0
    assert (
        "small.prototxt says nothing of its preprocessing; assumed: channel order BGR, raw scale 1, mean"
        " 104.007,116.669,122.679, std none, resize 10,12, crop 9,11" in capsys.readouterr().err
    )


def test_scan_says_what_it_changed_and_what_it_still_assumes(model_folder: Path, make_pictures, capsys) -> None:
    scan = ("scan", model_folder, "--images", make_pictures(1).root, "--device", "cpu")
    assert run(*scan, "--raw-scale", "1/255") == 0
    assert (
        "small.prototxt says nothing of its preprocessing; assumed but for what settings and options say: channel order"
        " BGR, raw scale 0.00392157, mean 104.007,116.669,122.679, std none" in capsys.readouterr().err
    )
    assert run(*scan, "--preprocessing", model_folder / "pixels.json", "--channel-order", "STORED", "--std", "2") == 2
    assert (
        "small.prototxt: its preprocessing, changed by settings or options: channel order STORED, raw scale 1,"
        " mean none, std 2, resize none, crop 9,11" in capsys.readouterr().err
    )


def test_options_change_the_preprocessing(model_folder: Path, make_pictures) -> None:
    images = make_pictures(3)
    assert run("mean", "--images", images.root, "--crop", "9,11", "--out", "mean.json") == 0
    known = json.loads(Path("mean.json").read_text())
    options = ("--statistics", "mean.json", "--raw-scale", "0.00392156862745098", "--channel-order", "RGB")
    size = ("--resize", "none", "--crop", "9,11")
    assert run("scan", model_folder, "--images", images.root, *options, *size) == 0
    with Scan("scan.h5") as opened:
        used = opened.preprocessing
    assert (used.channel_order, used.resize, used.crop) == ("RGB", "none", (9, 11))
    Path("conversion.json").write_text(json.dumps({"format": "conversion", "preprocessing": used.to_dict()}))
    assert run("scan", model_folder, "--images", images.root, "--preprocessing", "conversion.json") == 0
    with Scan("scan.h5") as opened:
        assert opened.preprocessing == used
    np.testing.assert_allclose(used.mean, known["RGB"]["mean"], rtol=1e-12)
    np.testing.assert_allclose(used.std, known["RGB"]["std"], rtol=1e-12)
    assert run("scan", model_folder, "--images", images.root, "--mean", "1,2,3", "--std", "4,5,6") == 0
    with Scan("scan.h5") as opened:
        assert (opened.preprocessing.mean, opened.preprocessing.std) == ((1, 2, 3), (4, 5, 6))


def test_a_mean_image_goes_from_mean_to_scan(model_folder: Path, make_pictures, capsys) -> None:
    images = make_pictures(3).root
    for name in ("mean.binaryproto", "mean.npy"):
        assert run("mean", "--images", images, "--crop", "9,11", "--mean-image", name) == 0
        assert run("scan", model_folder, "--images", images, "--mean-file", name, "--raw-scale", 0.5) == 0
        with Scan("scan.h5") as opened:
            used = opened.preprocessing
        assert used.mean == ()
        np.testing.assert_array_equal(used.mean_image, read_mean(Path(name)) / 2)
    Path("odd.npy").write_bytes(b"no array")
    np.save("flat.npy", np.zeros((9, 11)))
    scan = ("scan", model_folder, "--images", images, "--mean-file")
    assert "odd.npy: cannot be read" in error(capsys, *scan, "odd.npy")
    assert "flat.npy: has shape (9, 11); a mean must be (channels, height, width)" in error(capsys, *scan, "flat.npy")
    assert "none.binaryproto" in error(capsys, *scan, "none.binaryproto")
    assert "--mean and --mean-file are two means" in error(capsys, *scan, "mean.npy", "--mean", "1,2,3")


def test_labels_from_folders_and_lists(model_folder: Path, make_pictures, tmp_path: Path) -> None:
    images = make_pictures(2, folder="cats")
    (tmp_path / "names.txt").write_text("birds\ncats\n")
    classes = ("--class-folders", "--classes", tmp_path / "names.txt")
    (tmp_path / "set").mkdir()
    images.root.rename(tmp_path / "set/cats")
    assert run("scan", model_folder, "--images", tmp_path / "set", *classes) == 0
    with Scan("scan.h5") as opened:
        assert opened.labels.tolist() == [1, 1]
        assert opened.classes == ("birds", "cats")
    (tmp_path / "list.txt").write_text("set/cats/0.png 7\nset/cats/1.png 0\n")
    assert run("scan", model_folder, "--images", tmp_path / "list.txt") == 0
    with Scan("scan.h5") as opened:
        assert opened.labels.tolist() == [7, 0]


def test_the_settings_file_is_used(model_folder: Path, make_pictures) -> None:
    text = f"model = {str(model_folder)!r}\nimages = {str(make_pictures(3).root)!r}\ntop = 2\ndevice = 'cpu'\n"
    Path("settings_local.py").write_text(text)
    assert run("scan", "--layers", "conv1") == 0
    with h5py.File("scan.h5") as file:
        assert file.attrs["top"] == 2


def test_bad_input_is_one_sentence(model_folder: Path, make_pictures, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_pictures(2).root
    scan = ("scan", model_folder, "--images", root, "--preprocessing", model_folder / "pixels.json")
    (model_folder / "empty").mkdir()
    (model_folder / "typo.py").write_text("unti = 1\n")
    (model_folder / "cut.caffemodel").write_bytes((model_folder / "small.caffemodel").read_bytes()[:300])
    assert "give the pictures to scan: --images FOLDER" in error(capsys, "scan", model_folder)
    assert "no picture in this folder" in error(capsys, "scan", model_folder, "--images", model_folder / "empty")
    assert "unknown setting 'unti'; did you mean 'unit'?" in error(
        capsys, *scan, "--settings", model_folder / "typo.py"
    )
    assert "none.caffemodel" in error(capsys, *scan, "--weights", model_folder / "none.caffemodel")
    assert "cut.caffemodel" in error(capsys, *scan, "--weights", model_folder / "cut.caffemodel")
    assert "no layer 'conv2' with units; did you mean 'conv1'?" in error(capsys, *scan, "--layers", "conv2")
    assert "is a folder; give the name of a file" in error(capsys, *scan, "--out", model_folder)
    assert "cannot be written" in error(capsys, *scan, "--out", model_folder / "pixels.json" / "scan.h5")
    assert "--resize 3,x: must be 1 or 2 positive integers" in error(capsys, *scan, "--resize", "3,x")
    assert "--mean a,b: must be numbers" in error(capsys, *scan, "--mean", "a,b")
    assert "mean" in error(capsys, *scan, "--mean", "1,2")
    assert "batch = 0 is not allowed" in error(capsys, *scan, "--batch", 0)
    assert "is not what `deepvis mean --out` writes" in error(
        capsys, *scan, "--statistics", model_folder / "pixels.json"
    )
    (root / "0.png").write_text("no picture")
    assert "0.png: is not a picture" in error(capsys, *scan, "--strict")


def test_ctrl_c_says_so(model_folder: Path, make_pictures, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    images = make_pictures(2)

    def interrupted(self: Images, index: int) -> np.ndarray:
        raise KeyboardInterrupt

    monkeypatch.setattr(Images, "read", interrupted)
    assert run("scan", model_folder, "--images", images.root, "--workers", 0) == INTERRUPTED
    assert "stopped; what was not finished was not written" in capsys.readouterr().err
    assert list(Path.cwd().iterdir()) == []


def test_mean_in_both_conventions(make_pictures, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, target = make_pictures(4), tmp_path / "mean.binaryproto"
    assert run("mean", "--images", images.root, "--crop", "9,11", "--mean-image", target) == 0
    pixels = np.stack([images.read(i)[(i % 3) // 2 :][:9, :11] for i in range(4)]).astype(float)
    shown = capsys.readouterr().out
    red, green, blue = pixels.mean((0, 1, 2))
    assert "4 images, 396 pixels" in shown
    assert f"--mean {red / 255:.4f},{green / 255:.4f},{blue / 255:.4f} --std " in shown
    assert f"mean_value: {blue:.4f}  mean_value: {green:.4f}  mean_value: {red:.4f}" in shown
    blob = read_blob(target).reshape(3, 9, 11)
    np.testing.assert_allclose(blob, pixels.mean(0).transpose(2, 0, 1)[::-1], rtol=1e-6)
    assert run("mean", "--images", images.root, "--crop", "9,11", "--mean-image", tmp_path / "mean.npy") == 0
    np.testing.assert_array_equal(np.load(tmp_path / "mean.npy"), blob)


def test_bad_input_of_mean(make_pictures, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    images = make_pictures(3).root
    assert "must end with .binaryproto or .npy" in error(capsys, "mean", "--images", images, "--mean-image", "m.png")
    assert "have no mean image; give --resize" in error(capsys, "mean", "--images", images, "--mean-image", "m.npy")
    assert "does not exist" in error(capsys, "mean", "--images", tmp_path / "missing")


def test_settings_are_printed(tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("settings_local.py").write_text("unit = 12\n")
    assert run("settings") == 0
    shown = capsys.readouterr().out
    assert "unit = 12  # unit selected at the start" in shown
    Path("settings_local.py").write_text(shown)
    assert run("settings") == 0
    assert capsys.readouterr().out == shown


@pytest.fixture
def started(monkeypatch) -> tuple[list, list[str]]:
    """What the window is given, and what it says that it opens; it is not opened."""
    import deepvis.commands.window as window

    given, names = [], []

    def opening(*what):
        given.append(what)
        yield from ()

    def run_at_once(prepare, name):
        list(prepare())
        names.append(name)
        return 0

    views = {"app": SimpleNamespace(opening=opening), "start": SimpleNamespace(run=run_at_once)}
    monkeypatch.setattr(window, "views", views.__getitem__)
    return given, names


def test_the_window_is_given_what_was_asked_for(model_folder: Path, make_pictures, started) -> None:
    given, names = started
    images = make_pictures(2)
    pixels = ("--preprocessing", model_folder / "pixels.json", "--device", "cpu")
    assert run("scan", model_folder, "--images", images.root, "--out", model_folder / "scan.h5", *pixels) == 0
    (model_folder / "plan.json").write_text("{}")
    assert run(model_folder, "--layer", "conv1", "--unit", 3) == 0
    assert run() == 0
    (seen, _), (default, _) = given
    assert names == [model_folder.name, "the model"]
    assert (seen.model, seen.layer, seen.unit) == (model_folder, "conv1", 3)
    assert (seen.scan, seen.plan, seen.images) == (model_folder / "scan.h5", model_folder / "plan.json", images.root)
    assert default.scan is None
    assert (default.images / "astronaut.png").is_file()


def test_the_window_is_started_by_a_scan_a_link_and_a_name(
    model_folder: Path, make_pictures, tmp_path: Path, monkeypatch, started
) -> None:
    given, names = started
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    pixels = ("--preprocessing", model_folder / "pixels.json", "--device", "cpu")
    scan = model_folder / "found.h5"
    assert run("scan", model_folder, "--images", make_pictures(2).root, "--out", scan, *pixels) == 0
    Path("settings_local.py").write_text(f"presets = {{'mine': {{'model': {str(model_folder)!r}, 'unit': 2}}}}")

    assert run(scan) == 0
    assert run(f"deepvis://{str(model_folder).replace('/', '%2F')}/conv1/3?back_mode=guided") == 0
    assert run("mine", "--layer", "fc") == 0
    assert run("flowers96") == 0
    (by_scan, _), (by_link, link), (preset, _), (bundled, _) = given
    assert names == ["found.h5", "the model", "mine", "flowers96"]
    assert (by_scan.model, by_scan.scan) == (model_folder / "small.prototxt", scan)
    assert by_scan.weights == model_folder / "small.caffemodel"
    assert (by_link.model, link.state) == (model_folder, {"layer": "conv1", "unit": 3, "back_mode": "guided"})
    assert (preset.model, preset.layer, preset.unit) == (model_folder, "fc", 2)
    assert (bundled.model / "model.json").is_file()


def test_every_command_has_a_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in command.COMMANDS:
        assert run(name, "--help") == 0
        assert f"usage: deepvis {name}" in capsys.readouterr().out
    assert run("--help") == 0
    shown = capsys.readouterr().out
    assert all(f"deepvis {name}" in shown for name in command.COMMANDS)


def test_as_a_program_without_qt(tmp_path: Path) -> None:
    """The installed entry point; a command without the window must not import Qt."""
    script = (
        "import sys, deepvis.__main__ as m; code = m.main(['settings']); sys.exit(code or 'PySide6' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "model = " in done.stdout
