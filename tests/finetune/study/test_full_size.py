"""The studies of full size, on made-up images in the layouts of the real data sets, for two iterations."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from converters.convert_pytorch_to_caffe import main as convert
from finetune.__main__ import main
from finetune.study.file import read_study
from finetune.study.rows import rows_of
from finetune.study.running import running
from finetune.study.shipped import shipped_studies
from prototxt.common.progress import with_bar

ROWS = ["head-only", "widen-deep", "m2", "fine-tuning"]


def test_both_files_can_be_read():
    nets, full = (read_study(shipped_studies()[name]) for name in ("thesis-b-nets", "thesis-b-full"))
    assert [row.name for row in rows_of(nets)] == ["fine-tuning"]
    assert [row.name for row in rows_of(full)] == [
        row.name for row in rows_of(read_study(shipped_studies()["thesis-b"]))
    ]


def write_image(path: Path, random: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), random.integers(0, 255, (40, 50, 3), np.uint8))


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    """Indoor-67 and Flowers-102 as they are laid out, of two images a class; and ten classes of ImageNet's thousand."""
    random = np.random.default_rng(0)
    for part, name in (("train", "TrainImages.txt"), ("test", "TestImages.txt")):
        files = [f"room{number:02d}/{part}.jpg" for number in range(67)]
        for file in files:
            write_image(tmp_path / "indoor-67/Images" / file, random)
        (tmp_path / "indoor-67" / name).write_text("\n".join(files))
    for number in range(1, 205):
        write_image(tmp_path / f"flowers-102/jpg/image_{number:05d}.jpg", random)
    savemat(tmp_path / "flowers-102/imagelabels.mat", {"labels": np.tile(np.arange(102), 2) + 1})
    sets = {"trnid": np.arange(1, 52), "valid": np.arange(52, 103), "tstid": np.arange(103, 205)}
    savemat(tmp_path / "flowers-102/setid.mat", sets)
    for part, count in (("train", 1000), ("test", 20)):
        for number in range(count):
            write_image(tmp_path / f"imagenet/{part}/class{number:04d}/a.jpg", random)
    monkeypatch.setenv("DEEPVIS_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_two_iterations_of_everything(data):
    convert(["--arch", "alexnet", "--random-weights", "--out", str(data / "alexnet")])
    text = shipped_studies()["thesis-b-nets"].read_text()
    text = text.replace('"imagenet1000_256.tar", test_share = 0.5', '"imagenet"').replace(
        '"alexnet", task', '"alexnet/alexnet.prototxt", task'
    )
    run(data, "nets", text)
    for net in ("indoor67", "flowers102"):
        main(["export", f"out/nets/alexnet-{net}/fine-tuning/seed-1", f"build/nets/{net}", "--cache", "cache"])
    text = shipped_studies()["thesis-b-full"].read_text().replace("seeds = [1, 2, 3, 4, 5]", "seeds = [1]")
    outcome = run(data, "full", text.replace("share = 0.1", "share = 0.5\ngrids = false").replace('"ten"', '"centre"'))
    assert outcome.refused == []
    assert outcome.finished == 2 * len(ROWS)


def run(data: Path, name: str, text: str):
    """Run a study of that text on the CPU, for two iterations of two images."""
    for old, new in (("iterations = 8000", "iterations = 2"), ("batch = 32", "batch = 2"), ('"cuda"', '"cpu"')):
        assert old in text
        text = text.replace(old, new)
    file = data / f"{name}.toml"
    file.write_text(text)
    study = read_study(file).model_copy(update={"jobs": 1})
    only = ROWS if name == "full" else ()
    return with_bar(running(study, data / "out" / name, data / "cache", only), quiet=True)
