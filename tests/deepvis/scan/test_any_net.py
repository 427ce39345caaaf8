"""Scans of arrays, LMDBs and videos: against plain loops, one image after the other."""

from __future__ import annotations

from pathlib import Path

import lmdb
import numpy as np
import pytest

from deepvis.errors import ModelError
from deepvis.model.feed import find_feed
from deepvis.scan.reader import Scan
from deepvis.sources import open_images
from deepvis.sources.opening import Cutting
from prototxt.formats.schema import Datum
from prototxt.formats.text import parse_net
from prototxt.net.graph import NetGraph
from prototxt.pixels.preprocess import Preprocessing
from tests.deepvis.scan.plain_loops import (
    IMAGES,
    RANDOM,
    TOP,
    TWO_INPUTS,
    check_conv_fc,
    conv,
    conv_fc,
    make_model,
    pairs,
    planes,
    run,
    save_arrays,
    save_pictures,
    write_video,
)


@pytest.mark.parametrize("shape", [(2, 9), (6, 5, 7), (2, 4, 5, 6)], ids=["1-D", "6 channels", "3-D"])
def test_arrays_of_any_number_of_channels_and_axes(shape: tuple[int, ...], tmp_path: Path) -> None:
    arrays = save_arrays(tmp_path / "arrays", shape)
    preprocessing = Preprocessing("STORED", 2.0, mean=tuple(range(shape[0])))
    model = make_model(conv_fc(shape), preprocessing)
    run(model, open_images(tmp_path / "arrays"), tmp_path / "scan.h5", before=True, importance=True, correlation=True)
    means = np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    check_conv_fc(model, tmp_path / "scan.h5", [2.0 * array - means for array in arrays])
    with Scan(tmp_path / "scan.h5") as opened:
        best = opened.top("conv", 1)
        box = opened.place("conv", int(best.images[0]), best.positions[0].tolist())
        starts = best.positions[0][-len(shape[1:]) :].tolist()
        starts, ends = ([0] * (2 - len(starts)) + starts), [1] * (2 - len(starts)) + [start + 3 for start in starts]
        assert box == (*starts, *ends)
        patch = opened.patch("conv", 1, 0, constant_size=False)
        assert patch.shape[:2] == ((shape[0], 3) if len(shape) == 2 else (3, 3))


def test_patches_of_arrays_are_drawn_from_their_numbers(tmp_path: Path) -> None:
    arrays = save_arrays(tmp_path / "arrays", (2, 4, 5, 6))
    model = make_model(conv_fc((2, 4, 5, 6)), Preprocessing("STORED"))
    run(model, open_images(tmp_path / "arrays"), tmp_path / "scan.h5")
    with Scan(tmp_path / "scan.h5") as opened:
        top = opened.top("conv", 0)
        for rank in range(len(top)):
            values, (depth, row, column) = arrays[top.images[rank]], top.positions[rank]
            seen = values[:, depth + 1, row : row + 3, column : column + 3].mean(0)  # the middle slice of three
            grey = np.rint((seen - values.min()) * 255 / (values.max() - values.min()))
            np.testing.assert_array_equal(opened.patch("conv", 0, rank)[:, :, 0], grey)
            picture, (box,) = opened.whole("conv", 0, rank)
            assert box == (row, column, row + 3, column + 3)
            np.testing.assert_array_equal(picture[row : row + 3, column : column + 3, 1], grey)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_an_lmdb(channels: int, tmp_path: Path) -> None:
    values = RANDOM.integers(0, 6, (IMAGES, channels, 6, 8), dtype=np.uint8)
    with lmdb.open(str(tmp_path / "x_lmdb"), map_size=1 << 20) as environment, environment.begin(write=True) as writing:
        for number, image in enumerate(values):
            datum = Datum(channels=channels, height=6, width=8, data=image.tobytes(), label=number % 3)
            writing.put(f"{number:08}".encode(), datum.SerializeToString())
        writing.put(b"00000003x", b"broken")
    order = {1: "GRAY", 3: "BGR", 5: "STORED"}[channels]
    model = make_model(conv_fc((channels, 6, 8)), Preprocessing(order, mean=(1.0,) * channels))
    images, out = open_images(tmp_path / "x_lmdb"), tmp_path / "scan.h5"
    run(model, images, out)
    with Scan(out) as opened:
        assert opened.errors.keys() == {4}
        assert opened.labels.tolist() == [0, 1, 2, 0, -1, 1, 2, 0]
        usable = opened.was_read
        means = opened.means("conv")[usable]
        before = np.stack([conv(image - 1.0, model.weights["conv"]) for image in values])
        np.testing.assert_allclose(means, before.clip(0).mean((2, 3)), rtol=1e-6)
        top = opened.top("conv", 2)
        row, column = top.positions[0]
        number = int(top.images[0]) - (top.images[0] > 4)
        seen = values[number, :, row : row + 3, column : column + 3]
        if channels == 5:
            seen = np.rint((seen.mean(0) - values[number].min()) * 255 / np.ptp(values[number]))[None]
        patch = opened.patch("conv", 2, 0)
        np.testing.assert_array_equal(patch, np.broadcast_to(seen[::-1].transpose(1, 2, 0), patch.shape))


def test_a_video_frame_by_frame(tmp_path: Path) -> None:
    frames = write_video(tmp_path / "x.avi", IMAGES)
    model = make_model(conv_fc((3, 6, 8)), Preprocessing("BGR"))
    run(model, open_images(tmp_path / "x.avi"), tmp_path / "scan.h5")
    check_conv_fc(model, tmp_path / "scan.h5", [planes(frame) for frame in frames])
    with Scan(tmp_path / "scan.h5") as opened:
        assert opened.paths[2] == "x.avi#frame=2"
        top = opened.top("conv", 3)
        for rank in reversed(range(TOP)):
            row, column = top.positions[rank]
            seen = frames[top.images[rank]][row : row + 3, column : column + 3]
            np.testing.assert_array_equal(opened.patch("conv", 3, rank), seen)


def test_clips_of_a_video_in_a_net_with_a_time_axis(tmp_path: Path) -> None:
    frames = write_video(tmp_path / "x.avi", 14)
    model = make_model(conv_fc((3, 4, 6, 8)), Preprocessing("BGR"))
    assert model.frames == 4
    images = open_images(tmp_path / "x.avi", cutting=Cutting(model.frames, every=3))
    assert images.paths == ("x.avi#frame=0-3", "x.avi#frame=3-6", "x.avi#frame=6-9", "x.avi#frame=9-12")
    run(model, images, tmp_path / "scan.h5")
    clips = [np.stack([planes(frame) for frame in frames[start : start + 4]], 1) for start in (0, 3, 6, 9)]
    check_conv_fc(model, tmp_path / "scan.h5", clips)
    with Scan(tmp_path / "scan.h5") as opened:
        top = opened.top("conv", 0)
        depth, row, column = top.positions[0]
        seen = frames[3 * top.images[0] + depth + 1][row : row + 3, column : column + 3]
        np.testing.assert_array_equal(opened.patch("conv", 0, 0), seen)


def test_inputs_that_take_no_images() -> None:
    text = TWO_INPUTS.replace("dim: 8", "dim: 9", 1)
    with pytest.raises(ModelError, match=r"found a \(1 x 3 x 6 x 9\), b \(1 x 3 x 6 x 8\)"):
        find_feed(NetGraph(parse_net(text, "x.prototxt")), Path("x.prototxt"))


def test_what_does_not_fit_the_net_is_an_error_of_the_image(tmp_path: Path) -> None:
    save_pictures(tmp_path / "pictures", 1)
    images = open_images(tmp_path / "pictures")
    for preprocessing, message in (
        (Preprocessing("STORED"), "is a picture, but the channel order STORED is that of arrays"),
        (Preprocessing("BGR", crop=(6, 8), pair="channels"), "takes pairs of pictures; give a list with two paths"),
    ):
        model = make_model(conv_fc((6, 6, 8)), preprocessing)
        with pytest.raises(Exception, match=message):
            run(model, images, tmp_path / "scan.h5")
    pair, _, _ = pairs(tmp_path)
    with pytest.raises(Exception, match="is a pair, but the preprocessing does not say how pairs enter the net"):
        run(make_model(conv_fc((3, 6, 8)), Preprocessing("BGR", crop=(6, 8))), pair, tmp_path / "scan.h5")
