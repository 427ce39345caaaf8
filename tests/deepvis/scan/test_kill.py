"""``kill -9`` before every change to the disk that a scan makes, one after the other; the scan goes on from each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deepvis.scan.run import scan
from prototxt.common.progress import with_bar
from prototxt.formats.text import write_message
from prototxt.formats.weights import write_weights

OPTIONS = {"top": 3, "batch": 2, "device": "cpu", "workers": 0}

# Makes the scan again and again, each time in a child that kills itself one change of a file or folder later than the
# one before. The folders of the targets are numbered by that; the last one is of a scan that came to its end.
SWEEP = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
import deepvis.scan.checkpoint as checkpoint
from deepvis.sources import open_images
from deepvis.model.model import open_model
from deepvis.scan.run import scan

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}
checkpoint.SECONDS = 0.0
folder, number = Path(sys.argv[1]), 0
model = open_model(folder / "model", preprocessing=folder / "pixels.json")
images = open_images(folder / "pictures")
while True:
    number += 1
    place = folder / "scans" / str(number)
    place.mkdir(parents=True)
    (place / "scan.h5").write_text("older")
    child = os.fork()
    if child == 0:
        left = number
        def note(event, arguments):
            global left
            if event in CHANGES or event == "open" and str(arguments[0]).startswith(str(place)):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(note)
        for step in scan(model, images, place / "scan.h5", top=3, batch=2, device="cpu", workers=0):
            note("os.rename", ())
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != -signal.SIGKILL:
        break
"""


@pytest.fixture
def killed(make_model, make_pictures, tmp_path: Path):
    """The model, its pictures, and the folders that killed scans left, in the order of their deaths."""
    model, images = make_model(), make_pictures(5)
    images.path(1).write_text("no picture")
    write_message(tmp_path / "model/small.prototxt", model.net)
    write_weights(tmp_path / "model/small.caffemodel", model.net, model.weights)
    (tmp_path / "pixels.json").write_text(model.preprocessing.to_json())
    done = subprocess.run([sys.executable, "-c", SWEEP, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    folders = sorted((tmp_path / "scans").iterdir(), key=lambda path: int(path.name))
    return model, images, folders


@pytest.mark.long
def test_nothing_is_lost_whenever_it_is_killed(killed, assert_same_bits, tmp_path: Path) -> None:
    model, images, folders = killed
    assert len(folders) > 30
    with_bar(scan(model, images, tmp_path / "whole.h5", **OPTIONS), quiet=True)
    begun_with: list[int] = []
    for folder in folders:
        out = folder / "scan.h5"
        if out.read_bytes() != b"older":
            assert_same_bits(out, tmp_path / "whole.h5")
        steps = list(scan(model, images, out, **OPTIONS))
        begun_with.append(steps[0].done)
        assert_same_bits(out, tmp_path / "whole.h5")
        assert [path.name for path in folder.iterdir()] == ["scan.h5"], folder.name
    last = len(begun_with) - begun_with[::-1].index(5)
    assert begun_with[:last] == sorted(begun_with[:last])  # what was saved is not made again
    assert set(begun_with[last:]) <= {0}  # the file was there already, and its checkpoint on the way out
    assert set(begun_with) == {0, 2, 4, 5}
