"""The steps of BVLC's five notebooks, as examples of our own: both engines print the same."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import subprocess
import sys
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[3] / "examples/pycaffe"


@pytest.fixture
def run_here(served, tmp_path, monkeypatch):
    """Run an example in this process, and give what it prints."""

    def run(name: str, *arguments: str | Path) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        monkeypatch.syspath_prepend(str(EXAMPLES))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return printed.getvalue()

    yield run
    sys.modules.pop("shared", None)


# The first lines: what pycaffe says to scikit-image, and scikit-image does not know any more.
THERE = """
import runpy, sys
import skimage.io

read = skimage.io.imread
skimage.io.imread = lambda name, as_grey=False: read(name, as_gray=as_grey)
sys.argv = {arguments}
sys.path.insert(0, {folder!r})
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    skimage.io.imread = read
"""


@pytest.fixture
def run_there(live_caffe, tmp_path):
    """Run it in real Caffe's Python."""

    def run(name: str, *arguments: str | Path) -> str:
        words = [str(EXAMPLES / f"{name}.py"), *map(str, arguments)]
        return live_caffe.run(THERE.format(arguments=words, folder=str(EXAMPLES)), tmp_path)

    return run


@pytest.mark.caffe
@pytest.mark.parametrize(
    ("name", "options", "last"),
    [
        ("lenet", ["--steps", 12], r"one layer, Adam:\n  after 6: loss 2\.\d+, \d+ of 500 right"),
        ("fine_tuning", ["--steps", 10], r"all layers:\n(.*\n)*  tuned: 0\.\d+ right"),
        ("net_surgery", [], r"in the map: 0\.\d+"),
        ("logistic_regression", ["--steps", 200], r"with a hidden layer:\n  iteration 200, accuracy 0\.7"),
    ],
)
def test_both_engines_print_the_same(run_here, run_there, name, options, last):
    theirs, ours = run_there(name, "theirs", *options), run_here(name, "ours", *options)
    assert ours == theirs
    assert re.search(last, ours), ours


@pytest.mark.caffe
@pytest.mark.data
def test_a_picture_is_classified_alike(run_here, run_there, data_folder, tmp_path):
    with tarfile.open(data_folder / "imagenet1000_256.tar") as pictures:
        coded = pictures.extractfile("imagenet1000_256/n01443537_goldfish.jpg").read()
    picture = tmp_path / "goldfish.png"  # which every library decodes alike
    cv2.imwrite(str(picture), cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR))
    model = data_folder / "models/squeezenet_v1.1"
    arguments = ["classification", model / "deploy.prototxt", model / "squeezenet_v1.1.caffemodel", picture]
    arguments += ["--labels", data_folder / "models/imagenet_synset.txt"]
    theirs, ours = run_there(*arguments), run_here(*arguments)
    assert re.search(r"of ten crops:\n  0\.9\d+ .*goldfish", ours), ours
    assert ours == theirs


@pytest.mark.long
@pytest.mark.caffe
@pytest.mark.data
def test_mnist_is_learned_alike(run_here, run_there, data_folder):
    options = ["--mnist", data_folder / "mnist", "--steps", 45]
    theirs, ours = run_there("lenet", "theirs", *options), run_here("lenet", "ours", *options)
    scores = "scores of the first test picture: "  # of real pictures they part in the third digit
    (before, rest), (our_before, our_rest) = theirs.split(scores), ours.split(scores)
    assert our_before == before
    assert our_rest.split("\n", 1)[1] == rest.split("\n", 1)[1]
    numbers, our_numbers = (np.array(text.split("\n")[0].split(), float) for text in (rest, our_rest))
    np.testing.assert_allclose(our_numbers, numbers, atol=0.02)


def test_an_example_as_a_program(tmp_path):
    """Without real Caffe, by the command that its first lines name."""
    command = [sys.executable, "-m", "torchcaffe", "run", EXAMPLES / "net_surgery.py", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    before, after = re.findall(r"mean .*: (-?\d\.\d+)\n", done.stdout)
    assert float(after) == pytest.approx(float(before) + 1, abs=2e-3)
    alone, in_the_map = re.findall(r"(?:alone|in the map): (.*)", done.stdout)
    assert alone == in_the_map
    assert (tmp_path / "out/map.caffemodel").is_file()
