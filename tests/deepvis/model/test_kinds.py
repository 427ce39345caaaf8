from pathlib import Path

import pytest

from deepvis.model.kinds import KINDS, by_kind, kind_of
from deepvis.views.actions.registry import OPENS


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("net.prototxt", "model"),
        ("conversion.json", "model"),
        ("model.json", "model"),
        ("a.caffemodel", "weights"),
        ("a.caffemodel.h5", "weights"),
        ("a.pth", "pytorch"),
        ("a.safetensors", "pytorch"),
        ("net.onnx", "onnx"),
        ("scan.h5", "scan"),
        ("plan.json", "plan"),
        ("cat.JPG", "pictures"),
        ("list.txt", "pictures"),
        ("film.mp4", "pictures"),
    ],
)
def test_files_are_told_by_their_names(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / name).touch()
    assert kind_of(tmp_path / name) == kind


@pytest.mark.parametrize("file", ["conversion.json", "model.json", "deploy.prototxt"])
def test_a_folder_with_a_model_is_one_and_any_other_holds_pictures(tmp_path: Path, file: str) -> None:
    assert kind_of(tmp_path) == "pictures"
    (tmp_path / file).touch()
    assert kind_of(tmp_path) == "model"


def test_what_leads_comes_first(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("b.png", "scan.h5", "a.png", "net.prototxt", "net.caffemodel")]
    found = by_kind(paths)
    assert list(found) == ["model", "weights", "scan", "pictures"]
    assert found["pictures"] == [paths[0], paths[2]]


def test_everything_that_can_be_given_can_be_opened() -> None:
    assert set(OPENS) == set(KINDS)
