"""Scans that are stopped in every way, and go on."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest

import deepvis.scan.checkpoint as checkpoint
from deepvis.scan.run import scan
from deepvis.scan.signals import stopping_at_signals
from deepvis.sources import Images, open_images
from entropy.errors import ScanError
from prototxt.common.errors import FormatError
from prototxt.common.progress import with_bar
from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights

OPTIONS = {"top": 3, "batch": 2, "device": "cpu", "before": True, "histograms": True}


def datasets(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, node: found.update({name: node[()]}) if isinstance(node, h5py.Dataset) else None)
    return found


def assert_equal(one: Path, other: Path) -> None:
    left, right = datasets(one), datasets(other)
    assert list(left) == list(right)
    for name, array in left.items():
        np.testing.assert_array_equal(array, right[name], err_msg=name)


@pytest.fixture
def model(make_model):
    return make_model()


@pytest.fixture
def images(make_pictures) -> Images:
    pictures = make_pictures(11)
    pictures.path(1).write_text("no picture")
    return pictures


@pytest.fixture
def whole(model, images: Images, tmp_path: Path) -> Path:
    """The scan in one go."""
    with_bar(scan(model, images, tmp_path / "whole.h5", **OPTIONS), quiet=True)
    return tmp_path / "whole.h5"


def stop_after(batches: int, model, images: Images, out: Path) -> None:
    work = scan(model, images, out, **OPTIONS)
    for _ in range(batches + 1):
        next(work)
    work.close()


def assert_goes_on(first: int, model, images: Images, whole: Path, out: Path) -> None:
    steps = list(scan(model, images, out, **OPTIONS))
    assert steps[0].done == first
    assert_equal(out, whole)
    assert not (out.parent / "scan.h5.partial").exists()


@pytest.mark.parametrize("batches", [1, 3, 6])
def test_closing_loses_nothing(batches: int, model, images: Images, whole: Path, tmp_path: Path) -> None:
    stop_after(batches, model, images, tmp_path / "scan.h5")
    assert not (tmp_path / "scan.h5").exists()
    assert_goes_on(min(2 * batches, 11), model, images, whole, tmp_path / "scan.h5")


def test_stopping_again_and_again(model, images: Images, whole: Path, tmp_path: Path) -> None:
    for _ in range(4):
        stop_after(1, model, images, tmp_path / "scan.h5")
    assert_goes_on(8, model, images, whole, tmp_path / "scan.h5")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_loses_nothing(number: int, model, images: Images, whole: Path, tmp_path: Path) -> None:
    handler = signal.getsignal(number)

    def with_signal():
        for step in (work := scan(model, images, tmp_path / "scan.h5", **OPTIONS)):
            if step.done == 4:
                os.kill(os.getpid(), number)
            try:
                yield step
            except GeneratorExit:
                work.close()
                raise

    with pytest.raises(KeyboardInterrupt):
        with_bar(stopping_at_signals(with_signal()), quiet=True)
    assert signal.getsignal(number) == handler
    assert_goes_on(4, model, images, whole, tmp_path / "scan.h5")


# `deepvis scan` with pictures that take a while to read, and a line for each.
COMMAND = """
import sys, time
import deepvis.__main__ as command
from deepvis.sources import Images
read = Images.read
def slow(self, index):
    time.sleep(0.1)
    print(index, flush=True)
    return read(self, index)
Images.read = slow
sys.exit(command.main(sys.argv[1:]))
"""


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_obeys_signals(number: int, model, images: Images, whole: Path, tmp_path: Path) -> None:
    arguments = as_command(model, images, tmp_path)
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        read = [int(next(process.stdout)) for _ in range(5)]
        process.send_signal(number)
        read += map(int, process.stdout)
        messages = process.stderr.read()
    assert process.returncode == 130
    assert "stopped; the same command goes on from" in messages
    assert "Traceback" not in messages
    assert len(read) < 11
    steps = list(scan(model, images, tmp_path / "scan.h5", **OPTIONS))
    assert steps[0].done >= len(read) - OPTIONS["batch"]
    assert_equal(tmp_path / "scan.h5", whole)


def as_command(model, images: Images, folder: Path) -> list[str]:
    """The scan of `OPTIONS` by `COMMAND`."""
    write_message(folder / "model/small.prototxt", model.net)
    write_weights(folder / "model/small.caffemodel", model.net, model.weights)
    (folder / "pixels.json").write_text(model.preprocessing.to_json())
    files = ["--images", images.root, "--preprocessing", folder / "pixels.json", "--out", folder / "scan.h5"]
    options = ["--top", 3, "--batch", 2, "--histograms", "--device", "cpu", "--workers", 0]
    return [str(part) for part in (sys.executable, "-c", COMMAND, "scan", folder / "model", *files, *options)]


SCRIPT = """
import sys, time
from pathlib import Path
import deepvis.scan.checkpoint as checkpoint
from deepvis.sources import Images, open_images
from deepvis.model.model import open_model
from deepvis.scan.run import scan
checkpoint.SECONDS = 0.0
model, pictures, out = sys.argv[1:]
read = Images.read
def slow(self, index):
    time.sleep(0.02)
    return read(self, index)
Images.read = slow
options = {"top": 3, "batch": 2, "device": "cpu", "before": True, "histograms": True}
work = scan(open_model(model), open_images(pictures), Path(out), workers=0, **options)
for step in work:
    print(step.done, flush=True)
"""


def test_kill_loses_what_is_after_the_checkpoint(model, images, whole: Path, tmp_path: Path, monkeypatch) -> None:
    write_message(tmp_path / "model/small.prototxt", model.net)
    write_weights(tmp_path / "model/small.caffemodel", model.net, model.weights)
    pixels = tmp_path / "model/pixels.json"
    pixels.write_text(model.preprocessing.to_json())
    script = SCRIPT.replace("open_model(model)", f"open_model(model, preprocessing=Path({str(pixels)!r}))")
    command = [sys.executable, "-c", script, tmp_path / "model", images.root, tmp_path / "scan.h5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "6":
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    steps = list(scan(model, images, tmp_path / "scan.h5", **OPTIONS))
    assert 6 <= steps[0].done < 11
    assert_equal(tmp_path / "scan.h5", whole)


def test_rows_after_the_checkpoint_are_made_again(model, images, whole: Path, tmp_path: Path, monkeypatch) -> None:
    stop_after(2, model, images, tmp_path / "scan.h5")
    for file in tmp_path.glob("scan.h5.partial/*/*.rows"):  # what a process leaves that dies while it writes
        file.write_bytes(file.read_bytes() + b"half a row")
    assert_goes_on(4, model, images, whole, tmp_path / "scan.h5")


def test_checkpoints_come_in_time(model, images: Images, tmp_path: Path, monkeypatch) -> None:
    assert checkpoint.SECONDS <= 25
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    work = scan(model, images, tmp_path / "scan.h5", **OPTIONS)
    next(work)
    next(work)
    with np.load(tmp_path / "scan.h5.partial/share-1-of-1/totals.npz") as arrays:
        assert arrays["done"] == 2
    work.close()


def test_a_checkpoint_comes_before_a_slow_batch_would_make_it_late(model, images, tmp_path: Path, monkeypatch) -> None:
    clock = iter(range(0, 10_000, 9))  # every look at the clock takes nine seconds, and there are two in a batch
    monkeypatch.setattr(checkpoint, "monotonic", lambda: next(clock))
    saved: list[float] = [0]
    save = checkpoint.Checkpoint.save

    def noted(self, totals) -> None:
        save(self, totals)
        saved.append(self._saved)

    monkeypatch.setattr(checkpoint.Checkpoint, "save", noted)
    with_bar(scan(model, images, tmp_path / "scan.h5", **OPTIONS), quiet=True)
    assert len(saved) == 7
    assert max(b - a for a, b in pairwise(saved)) <= 30


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Make writing beyond a size fail, as it does on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk(model, images: Images, whole: Path, tmp_path: Path) -> None:
    stop_after(2, model, images, tmp_path / "scan.h5")
    (tmp_path / "scan.h5").write_text("older")
    message = r"scan\.h5: cannot be written \(.*\); choose another place or free some"
    with file_size_limit(200), pytest.raises(FormatError, match=message):
        with_bar(scan(model, images, tmp_path / "scan.h5", **OPTIONS), quiet=True)
    assert (tmp_path / "scan.h5").read_text() == "older"
    assert_goes_on(4, model, images, whole, tmp_path / "scan.h5")


@pytest.mark.parametrize("limit", [5_000, 20_000, 60_000])
def test_a_disk_that_is_full_at_the_end(limit: int, model, images: Images, whole: Path, tmp_path: Path) -> None:
    stop_after(6, model, images, tmp_path / "scan.h5")
    assert whole.stat().st_size > limit
    with file_size_limit(limit), pytest.raises(FormatError, match=r"scan\.h5: cannot be written"):
        with_bar(scan(model, images, tmp_path / "scan.h5", **OPTIONS), quiet=True)
    assert not (tmp_path / "scan.h5").exists()
    assert_goes_on(11, model, images, whole, tmp_path / "scan.h5")


def test_what_has_changed_is_named(model, make_model, images: Images, tmp_path: Path) -> None:
    out = tmp_path / "scan.h5"
    stop_after(2, model, images, out)

    def refused(**changes) -> str:
        given = {"model": model, "images": images, "out": out, **OPTIONS, **changes}
        with pytest.raises(ScanError, match="holds a scan that was stopped, but this one differs from it in ") as error:
            with_bar(scan(**given), quiet=True)
        return str(error.value)

    assert "weights (" in refused(model=make_model(seed=1))
    assert "preprocessing mean (2.0, 3.0, 3.0 instead of 3.0, 3.0, 3.0)" in refused(
        model=model.with_preprocessing(mean=(2.0, 3.0, 3.0))
    )
    text = refused(top=4, batch=3, layers=["fc", "conv1"])
    assert "top (4 instead of 3); " in text
    assert "batch (3 instead of 2)" in text
    assert "layers scanned (without branch/left, 100% right, up …)" in text
    images.path(3).rename(images.root / "new.png")
    text = refused(images=open_images(images.root))
    assert 'the images (1 no longer there, such as "3.png" -1; 1 new, such as "new.png" -1; paths' in text
    with_bar(scan(model, open_images(images.root), out, **OPTIONS, fresh=True), quiet=True)
    assert not (tmp_path / "scan.h5.partial").exists()


def test_two_processes_do_not_share_a_checkpoint(model, images: Images, tmp_path: Path) -> None:
    work = scan(model, images, tmp_path / "scan.h5", **OPTIONS)
    next(work)
    with pytest.raises(ScanError, match="another process is making this scan"):
        with_bar(scan(model, images, tmp_path / "scan.h5", **OPTIONS), quiet=True)
    work.close()
    assert not (tmp_path / "scan.h5.partial").exists()
