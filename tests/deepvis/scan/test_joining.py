"""Scans that grow, are merged, or made by several processes: the same bits as one scan of all images."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest

import deepvis.__main__ as command
from deepvis.scan.joining import merge_scans
from deepvis.scan.processes import Processes
from deepvis.scan.run import scan
from deepvis.sources import Images
from entropy.errors import ScanError
from prototxt.common.progress import with_bar
from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights

OPTIONS = {"top": 3, "batch": 4, "device": "cpu", "before": True, "histograms": True, "correlation": True}
LABELS = (2, 0, 0, -1, 4, 2, 2, 0, 4, 4, 4, 2, -1)


def datasets(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, node: found.update({name: node[()]}) if isinstance(node, h5py.Dataset) else None)
        found |= {f"/{name}": value for name, value in file.attrs.items()}
    return found


def assert_equal(one: Path, other: Path, but: tuple[str, ...] = ()) -> None:
    left, right = datasets(one), datasets(other)
    assert list(left) == list(right)
    for name, array in left.items():
        if name not in but:
            np.testing.assert_array_equal(array, right[name], err_msg=name)


@pytest.fixture
def model(make_model):
    return make_model()


@pytest.fixture
def images(make_pictures) -> Images:
    pictures = replace(make_pictures(13), classes_of=LABELS)
    pictures.path(9).write_text("no picture")
    return pictures


def some(images: Images, first: int, last: int) -> Images:
    return replace(images, paths=images.paths[first:last], classes_of=images.classes_of[first:last])


@pytest.fixture
def whole(model, images: Images, tmp_path: Path) -> Path:
    """The scan of all images by one process."""
    with_bar(scan(model, images, tmp_path / "whole.h5", **OPTIONS), quiet=True)
    return tmp_path / "whole.h5"


@pytest.mark.parametrize(
    "options", [{}, {"bottom": False, "quantiles": False, "before": False}, {"means": False, "correlation": False}]
)
@pytest.mark.parametrize("bounds", [(0, 8, 13), (0, 1, 5, 10, 13), (0, 9, 10, 13)])
def test_merged(bounds: tuple[int, ...], options, model, images: Images, tmp_path: Path) -> None:
    options = OPTIONS | options
    with_bar(scan(model, images, tmp_path / "whole.h5", **options), quiet=True)
    files = []
    for first, last in pairwise(bounds):
        if (first, last) == (9, 10):  # nothing but a broken picture
            continue
        files.append(tmp_path / f"{first}.h5")
        with_bar(scan(model, some(images, first, last), files[-1], **options), quiet=True)
    if len(files) == len(bounds) - 1:
        assert with_bar(merge_scans(files, files[0]), quiet=True) == 13
        assert_equal(files[0], tmp_path / "whole.h5")
    else:
        assert with_bar(merge_scans(files, tmp_path / "out.h5"), quiet=True) == 12


@pytest.mark.parametrize("first", [3, 8, 12])
def test_extended(first: int, model, images: Images, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "scan.h5"
    with_bar(scan(model, some(images, 0, first), out, **OPTIONS), quiet=True)
    work = scan(model, images, out, batch=2, device="cpu", extend=True)  # images that it has are left out
    next(work)
    next(work)
    work.close()
    steps = list(scan(model, images, out, batch=2, device="cpu", extend=True))
    assert steps[0].done == min(2, 13 - first)
    assert_equal(out, whole)


def test_extending_from_another_folder(model, images: Images, make_pictures, tmp_path: Path) -> None:
    more = make_pictures(3, folder="more", seed=5)
    out = tmp_path / "scan.h5"
    with_bar(scan(model, images, out, **OPTIONS), quiet=True)
    with_bar(scan(model, more, out, device="cpu", extend=True), quiet=True)
    paths = [str(images.path(number)) for number in range(13)] + [str(more.path(number)) for number in range(3)]
    together = Images(images.root, tuple(paths), (*LABELS, -1, -1, -1))
    with_bar(scan(model, together, tmp_path / "whole.h5", **OPTIONS), quiet=True)
    assert_equal(out, tmp_path / "whole.h5")


def test_what_does_not_fit_together_is_named(model, make_model, images: Images, tmp_path: Path) -> None:
    one, other, third = tmp_path / "one.h5", tmp_path / "other.h5", tmp_path / "third.h5"
    with_bar(scan(model, some(images, 0, 5), one, **OPTIONS), quiet=True)
    with_bar(scan(make_model(seed=1), some(images, 5, 8), other, **OPTIONS | {"top": 2}), quiet=True)
    with_bar(scan(model, some(images, 4, 8), third, **OPTIONS), quiet=True)
    before = one.read_bytes()
    with pytest.raises(ScanError, match=r"other\.h5: cannot be merged with .*one\.h5, it differs in weights .*top \(2"):
        with_bar(merge_scans([one, other], one), quiet=True)
    with pytest.raises(ScanError, match=r"third\.h5: has .*4\.png, which .*one\.h5 has too"):
        with_bar(merge_scans([one, third], one), quiet=True)
    with pytest.raises(ScanError, match=r"one\.h5: cannot be extended, this scan differs from it in weights"):
        with_bar(scan(make_model(seed=1), images, one, extend=True), quiet=True)
    with pytest.raises(ScanError, match="has all of these images already"):
        with_bar(scan(model, some(images, 1, 3), one, extend=True), quiet=True)
    with pytest.raises(ScanError, match="no such file"):
        with_bar(scan(model, images, tmp_path / "none.h5", extend=True), quiet=True)
    assert one.read_bytes() == before
    assert list(tmp_path.glob("*.partial")) == []


def test_the_command(model, images: Images, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / "a.h5", tmp_path / "b.h5"]
    with_bar(scan(model, some(images, 0, 4), files[0], **OPTIONS), quiet=True)
    with_bar(scan(model, some(images, 4, 13), files[1], **OPTIONS), quiet=True)
    out = tmp_path / "all.h5"
    assert command.main(["scan", "merge", *map(str, files), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 13 images\n"


@pytest.mark.parametrize("images", [0, 1, 31, 32, 33, 1000])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shares_are_whole_batches(images: int, count: int) -> None:
    shares = [Processes(rank, count).share(rank, images, 32) for rank in range(count)]
    assert [number for share in shares for number in share] == list(range(images))
    assert all(share.start % 32 == 0 for share in shares if len(share))
    assert max(map(len, shares)) - min(map(len, shares)) <= 64


@pytest.mark.parametrize("count", [2, 3, 9])
def test_shares_join_to_the_whole(count: int, model, images: Images, whole: Path, tmp_path: Path, monkeypatch):
    """Processes one after the other: the first one finds the shares of the others done."""
    monkeypatch.setattr(Processes, "wait", lambda self: None)
    for rank in reversed(range(count)):
        with_bar(scan(model, images, tmp_path / "scan.h5", **OPTIONS, processes=Processes(rank, count)), quiet=True)
    assert_equal(tmp_path / "scan.h5", whole)
    assert list(tmp_path.glob("*.partial")) == []


def test_another_number_of_processes_is_told(model, images: Images, tmp_path: Path, monkeypatch) -> None:
    work = scan(model, images, tmp_path / "scan.h5", **OPTIONS)
    next(work)
    next(work)
    work.close()
    with pytest.raises(ScanError, match=r"a scan by 1 process\(es\) that was stopped, this one has 2; start 1 "):
        with_bar(scan(model, images, tmp_path / "scan.h5", **OPTIONS, processes=Processes(1, 2)), quiet=True)


@pytest.mark.long
def test_torchrun(model, images: Images, tmp_path: Path) -> None:
    write_message(tmp_path / "model/small.prototxt", model.net)
    write_weights(tmp_path / "model/small.caffemodel", model.net, model.weights)
    (tmp_path / "pixels.json").write_text(model.preprocessing.to_json())
    options = ["--images", images.root, "--preprocessing", "pixels.json", "--batch", "4", "--device", "cpu"]
    scans = ["-m", "deepvis", "scan", "model", *options]
    alone = [sys.executable, *scans, "--out", "alone.h5"]
    together = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", *scans, "--out", "two.h5"]
    for program in (alone, together):
        done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "12 images" in done.stdout
    assert_equal(tmp_path / "two.h5", tmp_path / "alone.h5")
    assert list(tmp_path.glob("*.partial")) == []
