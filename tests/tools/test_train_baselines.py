"""The training of the bundled baselines, on a few made-up pictures; and what is bundled, on the real ones."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch

from converters.build import build
from converters.convert_pytorch_to_caffe import main as convert
from converters.describe import describe_folder

REPOSITORY = Path(__file__).resolve().parents[2]
BASELINES = ("indoor39", "flowers96")


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_baselines", REPOSITORY / "tools/train_baselines.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look up their annotations
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An archive of two classes that colour alone tells apart: 24 pictures to learn from, 8 to test with."""
    rng = np.random.default_rng(0)
    with tarfile.open(tmp_path / "two.tar", "w") as tar:
        for split, count in (("train", 12), ("test", 4)):
            for channel, name in enumerate(("blue", "green")):
                for number in range(count):
                    picture = rng.integers(0, 60, (64, 64, 3), dtype=np.uint8)
                    picture[..., channel] += 150
                    encoded = cv2.imencode(".jpg", picture)[1].tobytes()
                    member = tarfile.TarInfo(f"two/{split}/{name}/{number}.jpg")
                    member.size = len(encoded)
                    tar.addfile(member, io.BytesIO(encoded))
    return tmp_path


def test_a_baseline_is_trained_written_and_converts(tool: ModuleType, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "models"
    tool.train("two", tool.Recipe("two.tar", epochs=2, learning_rate=0.01), data, out)
    assert {path.name for path in (out / "two").iterdir()} == {"classes.txt", "model.json", "weights.safetensors"}
    description = json.loads((out / "two/model.json").read_text())
    assert (description["train_images"], description["test_images"], description["chance"]) == (24, 8, 0.5)
    source = describe_folder(out / "two")
    test_set = tool.read_pictures(data / "two.tar", "test")
    said = tool.accuracy(build(source).model, test_set, tool.Normalisation(source.mean, source.std))
    assert description["test_accuracy"] == said
    assert (out / "two/classes.txt").read_text() == "blue\ngreen\n"
    convert(["--model", str(out / "two"), "--out", str(tmp_path / "caffe")])


def test_a_stopped_training_goes_on_to_the_same_weights(tool: ModuleType, data: Path, tmp_path: Path) -> None:
    recipe = tool.Recipe("two.tar", epochs=2, learning_rate=0.01, dropout=0.0)
    pictures = tool.read_pictures(data / "two.tar", "train")
    normalise = tool.Normalisation.of(pictures.pixels)
    whole, first, second = (tool.Training(recipe, 2, 1) for _ in range(3))
    losses = [whole.run_epoch(pictures, normalise) for _ in range(2)]
    assert losses[1] < losses[0]
    assert first.run_epoch(pictures, normalise) == losses[0]
    first.save(tmp_path / "training.pt")
    second.load(tmp_path / "training.pt")
    assert second.run_epoch(pictures, normalise) == losses[1]
    for ours, theirs in zip(second.model.state_dict().values(), whole.model.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def test_batch_normalisation_is_folded_away(tool: ModuleType) -> None:
    torch.manual_seed(0)
    model = tool.with_batch_norm(tool.AlexNet64(5, width=32)).train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.rand(8, 3, 63, 63) * 2)
    images = torch.rand(4, 3, 63, 63)
    plain = tool.AlexNet64(5, width=32)
    tool.AlexNet64, original = lambda classes: plain, tool.AlexNet64
    try:
        folded = tool.without_batch_norm(model.eval(), 5)
    finally:
        tool.AlexNet64 = original
    torch.testing.assert_close(folded(images), model(images), rtol=1e-4, atol=1e-5)


def test_a_missing_archive_and_an_unknown_baseline(tool: ModuleType, tmp_path: Path, capsys) -> None:
    for names, words in ((("indoor39",), "scenes_indoor39_64.tar: there is no such archive"), (("cats",), "'cats'")):
        with pytest.raises(SystemExit) as stop:
            tool.main(names, tmp_path, tmp_path / "out")
        assert stop.value.code == 2
        assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_bundled_models_are_small() -> None:
    files = [path for name in BASELINES for path in (REPOSITORY / "models" / name).iterdir()]
    assert sum(path.stat().st_size for path in files) <= 16 * 2**20


@pytest.mark.long
@pytest.mark.data
@pytest.mark.parametrize("name", BASELINES)
def test_the_bundled_models_reach_the_accuracy_beside_them(tool: ModuleType, name: str, data_folder: Path) -> None:
    folder = REPOSITORY / "models" / name
    description = describe_folder(folder)
    pictures = tool.read_pictures(data_folder / tool.RECIPES[name].archive, "test")
    assert folder.joinpath("classes.txt").read_text().splitlines() == list(pictures.classes)
    found = tool.accuracy(build(description).model, pictures, tool.Normalisation(description.mean, description.std))
    said = json.loads((folder / "model.json").read_text())["test_accuracy"]
    assert found == pytest.approx(said, abs=1.5 / len(pictures.labels))  # a picture on the border of two classes
