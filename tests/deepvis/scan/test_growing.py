"""Scans of pairs, records and frames that grow, merge, are stopped, or are made by two processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import lmdb
import numpy as np
import pytest

from deepvis.scan.joining import merge_scans
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.sources import open_images
from prototxt.common.progress import with_bar
from prototxt.formats.schema import Datum
from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights
from prototxt.pixels.preprocess import Preprocessing
from tests.deepvis.scan.plain_loops import (
    IMAGES,
    TOP,
    center,
    check_conv_fc,
    conv_fc,
    make_model,
    pairs,
    planes,
    run,
    same,
    save_pictures,
    write_video,
)


def test_scans_of_pairs_and_records_grow_and_merge_with_the_same_bits(tmp_path: Path) -> None:
    images, _, _ = pairs(tmp_path)
    model = make_model(conv_fc((6, 6, 8)), Preprocessing("BGR", crop=(6, 8), pair="channels"))
    lines = (tmp_path / "pairs.txt").read_text().splitlines(keepends=True)
    (tmp_path / "first.txt").write_text("".join(lines[:3]))
    (tmp_path / "rest.txt").write_text("".join(lines[3:]))
    run(model, images, tmp_path / "whole.h5")
    run(model, open_images(tmp_path / "first.txt"), tmp_path / "first.h5")
    run(model, open_images(tmp_path / "rest.txt"), tmp_path / "rest.h5")
    with_bar(merge_scans([tmp_path / "first.h5", tmp_path / "rest.h5"], tmp_path / "merged.h5"))
    same(tmp_path / "merged.h5", tmp_path / "whole.h5")
    run(model, images, tmp_path / "first.h5", extend=True)
    same(tmp_path / "first.h5", tmp_path / "whole.h5")


def test_scans_of_different_kinds_of_images_merge_and_show_their_patches(tmp_path: Path) -> None:
    pictures = save_pictures(tmp_path / "pictures", 3)
    (tmp_path / "videos").mkdir()
    frames = write_video(tmp_path / "videos/x.avi", 3)
    with lmdb.open(str(tmp_path / "x_lmdb"), map_size=1 << 20) as environment, environment.begin(write=True) as writing:
        data = planes(pictures[1]).astype(np.uint8).tobytes()
        writing.put(b"only", Datum(channels=3, height=6, width=8, data=data).SerializeToString())
    model = make_model(conv_fc((3, 6, 8)), Preprocessing("BGR", crop=(6, 8)))
    sources = {"pictures": pictures, "videos": frames, "x_lmdb": [center(pictures[1])]}
    for name in sources:
        run(model, open_images(tmp_path / name), tmp_path / f"{name}.h5")
    with_bar(merge_scans([tmp_path / f"{name}.h5" for name in sources], tmp_path / "all.h5"))
    everything = [picture for own in sources.values() for picture in own]
    check_conv_fc(model, tmp_path / "all.h5", [planes(picture) for picture in everything])
    with Scan(tmp_path / "all.h5") as opened:
        assert opened.paths[-2:] == [f"{tmp_path}/videos/x.avi#frame=2", f"{tmp_path}/x_lmdb#key=only"]
        for unit in range(4):
            top = opened.top("conv", unit)
            for rank, (image, (row, column)) in enumerate(zip(top.images, top.positions, strict=True)):
                seen = center(everything[image])[row : row + 3, column : column + 3]
                np.testing.assert_array_equal(opened.patch("conv", unit, rank), seen)


def test_a_stopped_scan_of_a_video_goes_on(tmp_path: Path) -> None:
    write_video(tmp_path / "x.avi", IMAGES)
    model = make_model(conv_fc((3, 6, 8)), Preprocessing("BGR"))
    images = open_images(tmp_path / "x.avi")
    run(model, images, tmp_path / "whole.h5")
    work = scan(model, images, tmp_path / "scan.h5", top=TOP, batch=3, device="cpu", workers=0)
    next(work)
    next(work)
    work.close()
    assert not (tmp_path / "scan.h5").exists()
    run(model, open_images(tmp_path / "x.avi"), tmp_path / "scan.h5")
    same(tmp_path / "scan.h5", tmp_path / "whole.h5")


@pytest.mark.long
@pytest.mark.parametrize("kind", ["pairs", "video"])
def test_two_processes_make_the_same_file(kind: str, tmp_path: Path) -> None:
    if kind == "pairs":
        pairs(tmp_path)
        shape, preprocessing = (6, 6, 8), Preprocessing("BGR", crop=(6, 8), pair="channels")
    else:
        write_video(tmp_path / "x.avi", IMAGES)
        shape, preprocessing = (3, 6, 8), Preprocessing("BGR")
    model = make_model(conv_fc(shape), preprocessing)
    write_message(tmp_path / "any.prototxt", model.net)
    write_weights(tmp_path / "any.caffemodel", model.net, model.weights)
    (tmp_path / "pixels.json").write_text(preprocessing.to_json())
    images = "pairs.txt" if kind == "pairs" else "x.avi"
    options = ["--images", images, "--preprocessing", "pixels.json", "--batch", "3", "--device", "cpu"]
    scans = ["-m", "deepvis", "scan", "any.prototxt", *options]
    for program, out in (([], "alone.h5"), (["-m", "torch.distributed.run", "--nproc_per_node", "2"], "two.h5")):
        arguments = [sys.executable, *program, *scans, "--out", out]
        done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    same(tmp_path / "two.h5", tmp_path / "alone.h5")
