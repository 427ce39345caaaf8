"""docs/tutorial-flickr-style.md: its commands, on a small copy of CaffeNet and on pictures drawn here."""

import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from prototxt.formats.blob import read_blob
from prototxt.formats.text import read_net, read_solver
from prototxt.formats.weights import read_weights
from prototxt.lint.check import lint_net, lint_solver
from prototxt.templates import read_template
from torchcaffe.__main__ import main as torchcaffe

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs/tutorial-flickr-style.md"
EXAMPLE = REPOSITORY / "examples/flickr_style"
STYLES = ("Bright", "Dark and Moody", "Geometric")
SMALL = {"96": 16, "256": 24, "384": 24, "4096": 64}
FIRST_STEPS, STEPS = 120, 40


def commands():
    """The lines of the page that a reader types."""
    lines = "".join(re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL)).splitlines()
    return "\n".join(line[2:] for line in lines if line.startswith(("$ ", "> ")))


def pictures(folder, kinds, count, side, seed):
    """Pictures of stripes that are drawn in another direction, width or brightness for every class."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    for kind, name in enumerate(kinds):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            stripes = (columns if kind % 2 else rows) // (3 + 2 * kind) % 2 * 120
            image = stripes[:, :, None] + random.integers(0, 100, (side, side, 3))
            cv2.imwrite(str(folder / name / f"{number:02}.png"), image.astype(np.uint8))


def shrink(text):
    """CaffeNet with fewer filters, on smaller pictures, in small batches."""
    text = re.sub(r"num_output: (\d+)$", lambda found: f"num_output: {SMALL[found[1]]}", text, flags=re.MULTILINE)
    return text.replace("crop_size: 227", "crop_size: 67").replace(": 256\n", ": 72\n").replace("size: 50", "size: 12")


def solver_for(text, steps=STEPS):
    for key, value in {"test_iter": 1, "test_interval": steps, "max_iter": steps, "snapshot": steps}.items():
        text = re.sub(rf"{key}: \d+", f"{key}: {value}", text)
    return text


def program(folder, name, command):
    path = folder / name
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(0o755)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """What is there before: pictures, the two files, and a small CaffeNet that has learnt other pictures."""
    folder = tmp_path_factory.mktemp("start")
    pictures(folder / "old", "abcde", 30, 72, 0)
    for part, count in (("train", 8), ("test", 4)):
        pictures(folder / "photos" / part, STYLES, count, 80, count)
    old = sorted((folder / "old").rglob("*.png"))
    lines = "".join(f"{path} {'abcde'.index(path.parent.name)}\n" for path in old)
    for name in ("train.txt", "test.txt"):
        (folder / name).write_text(lines)
    net, solver = shrink((EXAMPLE / "train_val.prototxt").read_text()), (EXAMPLE / "solver.prototxt").read_text()
    (folder / "net.prototxt").write_text(net)
    (folder / "rates.prototxt").write_text(solver_for(solver))
    whole = net.replace("fc8_flickr", "fc8").replace("20 # styles", "5")
    whole = whole.replace('mean_file: "mean.binaryproto"', "mean_value: 110")
    whole = re.sub(r'type: "gaussian"\n +std: \S+', 'type: "xavier"', whole)  # CaffeNet's own would need weeks
    (folder / "train_val.prototxt").write_text(whole)
    whole = whole.replace("dropout_ratio: 0.5", "dropout_ratio: 0.1").replace("mult: 10", "mult: 1")
    text = solver_for(solver, FIRST_STEPS).replace("flickr_style", "caffenet").replace("0.001", "0.002")
    (folder / "solver.prototxt").write_text(text + 'random_seed: 1\ntype: "Adam"\nmomentum2: 0.999\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert torchcaffe(["train", "-solver", "solver.prototxt", "-minloglevel", "1"]) in (0, None)
    return folder


def walk(start, folder, caffe):
    """Type the page's commands in a folder of their own."""
    (folder / "photos").symlink_to(start / "photos")
    (folder / "caffenet.caffemodel").symlink_to(start / f"caffenet_iter_{FIRST_STEPS}.caffemodel")
    (folder / "train_val.prototxt").write_text((start / "net.prototxt").read_text())
    (folder / "solver.prototxt").write_text((start / "rates.prototxt").read_text())
    programs = folder / "programs"
    programs.mkdir()
    program(programs, "caffe", caffe)
    program(programs, "deepvis", f"{sys.executable} -m deepvis")
    text = commands().replace("256,256", "72,72").replace("-iterations 20", "-iterations 1")
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr + "".join(log.read_text() for log in folder.glob("*.log"))
    return done.stdout


def check_walk(folder, printed):
    lines = (folder / "train.txt").read_text().splitlines()
    assert lines[0] == "photos/train/Bright/00.png 0"
    assert lines[-1] == "photos/train/Geometric/07.png 2"
    assert "photos/train/Dark and Moody/03.png 1" in lines
    assert len((folder / "test.txt").read_text().splitlines()) == 12
    every = [cv2.resize(cv2.imread(str(folder / line.rpartition(" ")[0])), (72, 72)) for line in lines]
    mean = read_blob(folder / "mean.binaryproto")
    np.testing.assert_allclose(mean[0].transpose(1, 2, 0), np.mean(every, 0), atol=1)
    net = read_net(folder / "train_val.prototxt")
    assert not lint_net(net, folder / "train_val.prototxt")
    assert not lint_solver(read_solver(folder / "solver_scratch.prototxt"), net)
    heads = [layer for layer in net.layer if layer.name == "fc8_flickr"]
    assert [layer.inner_product_param.num_output for layer in heads] == [3]
    names = "caffenet.caffemodel", f"flickr_style_iter_{STEPS}.caffemodel", f"from_scratch_iter_{STEPS}.caffemodel"
    before, tuned, scratch = (read_weights(folder / name) for name in names)
    for name in ("conv1", "conv5", "fc7"):
        size = np.linalg.norm(before[name][0])
        assert np.linalg.norm(tuned[name][0] - before[name][0]) < 0.2 * size, name
        assert np.linalg.norm(scratch[name][0] - before[name][0]) > 0.5 * size, name
    accuracies = [float(found) for found in re.findall(r"accuracy = ([\d.]+)", printed)]
    *_, fine_tuned, from_scratch, tested = accuracies
    assert fine_tuned == pytest.approx(tested)
    assert fine_tuned > from_scratch
    assert fine_tuned > 0.6, "three styles"


def test_the_page_with_torchcaffe(start, tmp_path):
    check_walk(tmp_path, walk(start, tmp_path, f"{sys.executable} -m torchcaffe"))


@pytest.mark.caffe
@pytest.mark.long
def test_the_page_with_real_caffe(start, tmp_path, real_caffe):
    check_walk(tmp_path, walk(start, tmp_path, real_caffe.caffe))


def test_the_files_are_caffenets_with_three_changes():
    net = read_net(EXAMPLE / "train_val.prototxt")
    trunk = [layer for layer in net.layer if layer.type not in ("ImageData", "SoftmaxWithLoss", "Accuracy")]
    expected = [layer for layer in read_template("caffenet").layer if layer.type not in ("Input", "Softmax")]
    assert [layer.SerializeToString() for layer in trunk[:-1]] == [layer.SerializeToString() for layer in expected[:-1]]
    assert (trunk[-1].name, expected[-1].name) == ("fc8_flickr", "fc8")
    assert [spec.lr_mult for spec in trunk[-1].param] == [10, 20]
    assert read_solver(EXAMPLE / "solver.prototxt").base_lr == pytest.approx(0.001)
    assert not lint_net(net, EXAMPLE / "train_val.prototxt")
