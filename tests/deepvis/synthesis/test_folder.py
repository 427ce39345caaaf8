"""Folders of synthesised pictures: what is in them, going on, and what is not overwritten."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from deepvis.errors import ExportError
from deepvis.export.unit_folders import open_unit_pictures
from deepvis.synthesis.ascent import Aim, Push, synthesise
from deepvis.synthesis.folder import kept_folder, kept_pictures, picture_path, synthesise_into, synthesise_kept
from deepvis.synthesis.fourier import FourierPrior
from prototxt.common.progress import with_bar
from prototxt.pixels.decode import read_image

PUSH = Push(FourierPrior(steps=5))
AIMS = {"conv1": [Aim(unit) for unit in range(5)], "branch/left": [Aim(2, 0), Aim(2, 1)]}


@pytest.fixture
def into(make_model, tmp_path):
    model = make_model()
    network = model.network()

    def work(push=PUSH, aims=AIMS, **options):
        return synthesise_into(tmp_path / "made", model, network, aims, push, "fourier", **options)

    return work


def test_the_folder_is_read_back_with_what_each_picture_reaches(into, make_model, tmp_path) -> None:
    assert with_bar(into(), quiet=True) == 7
    pictures = open_unit_pictures(tmp_path / "made")
    assert pictures.layers == ("branch/left", "conv1")
    model = make_model()
    for layer, aims in AIMS.items():
        expected = with_bar(synthesise(model, model.network(), layer, aims, PUSH), quiet=True)
        for made in expected:
            found = pictures.pictures(layer, made.aim.unit, "opt")[made.aim.seed]
            np.testing.assert_array_equal(found.read(), made.pixels)
            assert found.value == made.activation
    record = json.loads((tmp_path / "made/branch/left/unit_0002/opt_001_seed1.json").read_text())
    assert (record["layer"], record["unit"], record["seed"], record["preset"]) == ("branch/left", 2, 1, "fourier")
    assert (record["weights_hash"], record["preprocessing_hash"]) == (model.hash, model.preprocessing.hash)
    assert "steps=5" in record["prior"]


def test_what_was_stopped_goes_on(into, tmp_path) -> None:
    work = into(batch=2)
    while not list((tmp_path / "made").rglob("*.png")):
        next(work)
    work.close()
    there = {path: path.stat().st_mtime_ns for path in (tmp_path / "made").rglob("*.png")}
    assert len(there) == 2
    assert with_bar(into(), quiet=True) == 5
    assert {path: path.stat().st_mtime_ns for path in there} == there
    assert with_bar(into(), quiet=True) == 0
    assert not list((tmp_path / "made").rglob(".*"))


def test_progress_goes_from_nothing_to_all(into) -> None:
    steps = list(into(batch=2))
    assert (steps[0].done, steps[-1].done) == (0, 35)
    assert {step.total for step in steps} == {35}
    assert all(one.done <= two.done for one, two in pairwise(steps))


def test_other_pictures_are_not_overwritten(into, tmp_path) -> None:
    with_bar(into(), quiet=True)
    other = replace(PUSH, position="mean")
    path = tmp_path / "made/conv1/unit_0000/opt_000_seed0.png"
    before = path.read_bytes()
    with pytest.raises(ExportError, match="was made with another position"):
        with_bar(into(other), quiet=True)
    path.with_suffix(".json").write_text("[]")
    with pytest.raises(ExportError, match="is no record"):
        with_bar(into(), quiet=True)
    path.with_suffix(".json").unlink()
    with pytest.raises(ExportError, match="is there without"):
        with_bar(into(), quiet=True)
    assert path.read_bytes() == before
    assert with_bar(into(other, fresh=True), quiet=True) == 7
    assert with_bar(into(other), quiet=True) == 0


def test_one_more_picture_is_kept_for_these_weights(make_model, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    model = make_model()
    assert kept_pictures(model) is None
    for seed in range(2):
        folder = with_bar(synthesise_kept(model, "fc8", 1, "cpu"), quiet=True)
        assert folder == kept_folder(model)
        assert read_image(picture_path(folder, "fc8", Aim(1, seed))).shape == (9, 11, 3)
    assert [picture.rank for picture in kept_pictures(model).pictures("fc8", 1, "opt")] == [0, 1]
    assert kept_pictures(make_model(seed=1)) is None
    assert kept_pictures(model.with_preprocessing(mean=(1, 2, 3))) is None
