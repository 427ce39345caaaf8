"""The commands on pairs, videos, LMDBs and arrays, as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest

import deepvis.__main__ as command
from deepvis.scan.reader import Scan
from deepvis.sources import open_images
from prototxt.formats.schema import Datum
from prototxt.formats.text import parse_net, write_message
from prototxt.formats.weights import write_weights
from prototxt.net.shapes import infer_shapes
from prototxt.pixels.decode import read_image

NET = """name: "tiny"
layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 dim: {channels} dim: 6 dim: 8 }} }} }}
layer {{ name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param {{ num_output: 4 kernel_size: 3 }} }}
layer {{ name: "relu" type: "ReLU" bottom: "conv" top: "conv" }}
layer {{ name: "fc" type: "InnerProduct" bottom: "conv" top: "fc" inner_product_param {{ num_output: 3 }} }}
"""
RANDOM = np.random.default_rng(4)


def run(*arguments: object) -> int:
    try:
        return command.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Path]:
    """Write a net with so many channels and its weights; gives its prototxt."""
    monkeypatch.chdir(tmp_path)

    def write(channels: int) -> Path:
        message = parse_net(NET.format(channels=channels), "tiny.prototxt")
        weights = {
            layer: [RANDOM.normal(size=shape).astype(np.float32) for shape in shapes]
            for layer, shapes in infer_shapes(message).params.items()
            if shapes
        }
        write_message(tmp_path / "tiny.prototxt", message)
        write_weights(tmp_path / "tiny.caffemodel", message, weights)
        return tmp_path / "tiny.prototxt"

    return write


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A list of five pairs of six pictures of different sizes, with labels."""
    for number in range(6):
        pixels = RANDOM.integers(0, 256, (8 + number, 12, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), pixels)
    lines = [f"{number}.png {number + 1}.png {number % 2}\n" for number in range(5)]
    (tmp_path / "pairs.txt").write_text("".join(lines))
    return tmp_path / "pairs.txt"


def test_pairs_from_scan_to_atlas_and_window(net, pairs: Path, tmp_path: Path, capsys, qapp) -> None:
    model = net(6)
    assert run("scan", model, "--images", pairs, "--out", "scan.h5", "--importance") == 0
    told = capsys.readouterr().err
    assert "assumed: channel order BGR" in told
    assert "pair channels" in told
    with Scan(tmp_path / "scan.h5") as opened:
        assert opened.was_read.all()
        assert opened.preprocessing.pair == "channels"
        assert opened.size(2) == (10, 12, 11, 12)
    for form in ("patches", "sheets", "folders", "atlas"):
        assert run("export", model, form, "--scan", "scan.h5", "--out", form, "--back", "guided") == 0, form
    first = read_image(tmp_path / "patches/conv/0000_0.png")
    with Scan(tmp_path / "scan.h5") as opened:
        np.testing.assert_array_equal(first, opened.patch("conv", 0, 0))
    assert read_image(tmp_path / "patches/conv/0000_0_guided.png").shape[0] == 3
    assert run("snapshot", model, pairs, "--scan", "scan.h5", "--out", "window.png", "--back", "gradient") == 0
    assert read_image(tmp_path / "window.png").any()


def test_the_pair_option(net, pairs: Path, tmp_path: Path) -> None:
    model = net(3)
    options = ("--pair", "width", "--resize", "6,4", "--crop", "none", "--mean", "1,2,3")
    assert run("scan", model, "--images", pairs, "--out", "scan.h5", *options) == 0
    with Scan(tmp_path / "scan.h5") as opened:
        assert opened.was_read.all()
        assert (opened.preprocessing.pair, opened.preprocessing.resize_to) == ("width", (6, 4))


def test_the_pair_setting_alone_is_enough(net, pairs: Path, tmp_path: Path) -> None:
    model = net(6)
    (tmp_path / "settings_local.py").write_text("pair = 'channels'")
    assert run("scan", model, "--images", pairs, "--out", "scan.h5") == 0
    assert run("scan", net(3), "--images", pairs, "--out", "other.h5", "--pair", "width", "--fresh") == 0
    with Scan(tmp_path / "scan.h5") as opened, Scan(tmp_path / "other.h5") as other:
        assert [(s.preprocessing.pair, s.preprocessing.crop) for s in (opened, other)] == [
            ("channels", (6, 8)),
            ("width", (6, 4)),
        ]
        assert opened.was_read.all()
        assert other.was_read.all()


def test_every_tenth_frame_of_a_video(net, tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "x.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25, (24, 16))
    for _ in range(35):
        writer.write(RANDOM.integers(0, 256, (16, 24, 3), dtype=np.uint8))
    writer.release()
    assert run("scan", net(3), "--images", "x.avi", "--every", 10, "--out", "scan.h5") == 0
    with Scan(tmp_path / "scan.h5") as opened:
        assert opened.paths == [f"x.avi#frame={number}" for number in (0, 10, 20, 30)]
        assert opened.was_read.all()
    assert run("scan", net(3), "--images", "x.avi", "--every", 0, "--out", "none.h5") == 2


def test_an_lmdb_with_labels(net, tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path / "x_lmdb"), map_size=1 << 20) as environment, environment.begin(write=True) as writing:
        for number in range(4):
            pixels = RANDOM.integers(0, 256, (3, 9, 9), dtype=np.uint8).tobytes()
            datum = Datum(channels=3, height=9, width=9, data=pixels, label=number)
            writing.put(f"{number}".encode(), datum.SerializeToString())
    assert run("scan", net(3), "--images", "x_lmdb", "--out", "scan.h5") == 0
    with Scan(tmp_path / "scan.h5") as opened:
        assert opened.labels.tolist() == [0, 1, 2, 3]
        assert opened.was_read.all()


def test_mean_of_arrays_goes_into_a_scan(net, tmp_path: Path, capsys) -> None:
    (tmp_path / "arrays").mkdir()
    arrays = [RANDOM.normal(3, 2, (5, 6, 8)).astype(np.float32) for _ in range(40)]
    for number, array in enumerate(arrays):
        np.save(tmp_path / f"arrays/{number}.npy", array)
    np.save(tmp_path / "arrays/broken.npy", np.array([{}]), allow_pickle=True)
    assert run("mean", "--images", "arrays", "--out", "mean.json") == 0
    assert "40 arrays, 1920 values in each of 5 channels" in capsys.readouterr().out
    found = json.loads((tmp_path / "mean.json").read_text())
    values = np.stack(arrays, 1).reshape(5, -1).astype(np.float64)
    np.testing.assert_allclose(np.array(found["STORED"]["mean"]) * 255, values.mean(1), rtol=1e-12)
    np.testing.assert_allclose(np.array(found["STORED"]["std"]) * 255, values.std(1), rtol=1e-9)
    assert (found["images"], found["unusable"]) == (40, 1)
    (tmp_path / "list.txt").write_text("".join(f"arrays/{number}.npy\n" for number in np.random.permutation(40)))
    assert run("mean", "--images", "list.txt", "--out", "again.json") == 0
    assert json.loads((tmp_path / "again.json").read_text())["STORED"] == found["STORED"]
    assert run("scan", net(5), "--images", "arrays", "--statistics", "mean.json", "--out", "scan.h5") == 0
    with Scan(tmp_path / "scan.h5") as opened:
        np.testing.assert_allclose(opened.preprocessing.mean, values.mean(1), rtol=1e-12)
        assert len(opened.errors) == 1
    assert run("mean", "--images", "arrays", "--mean-image", "x.npy") == 2


def test_mean_of_pairs_counts_both(pairs: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("mean", "--images", pairs, "--out", "mean.json") == 0
    found = json.loads((tmp_path / "mean.json").read_text())
    numbers = [place for number in range(5) for place in (number, number + 1)]
    pictures = [read_image(tmp_path / f"{number}.png").reshape(-1, 3) for number in numbers]
    assert found["images"] == 10
    np.testing.assert_allclose(np.array(found["RGB"]["mean"]) * 255, np.concatenate(pictures).mean(0), rtol=1e-12)
    assert len(open_images(pairs)) == 5


def test_the_doctor_wants_single_pictures(net, pairs: Path, capsys) -> None:
    assert run("mean", "--images", pairs, "--doctor", net(3)) == 2
    assert "where one picture is wanted" in capsys.readouterr().err
