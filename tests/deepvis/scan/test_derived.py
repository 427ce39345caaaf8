"""Quantile samples, classes and correlation against plain loops over the tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from deepvis.scan import derived
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.sources import Images
from entropy.errors import ScanError
from prototxt.common.progress import with_bar

LABELS = (2, 0, 0, -1, 4, 2, 2, 0, 4, 4, 4, 2, -1)


@pytest.fixture
def pictures(make_pictures) -> Images:
    images = replace(make_pictures(13), classes_of=LABELS)
    images.path(5).write_text("no picture")
    return images


@pytest.fixture
def scanned(make_model, pictures: Images, tmp_path: Path) -> Scan:
    work = scan(make_model(), pictures, tmp_path / "scan.h5", top=3, batch=4, device="cpu", correlation=True)
    with_bar(work, quiet=True)
    with Scan(tmp_path / "scan.h5") as opened:
        yield opened


@pytest.mark.parametrize("layer", ["conv1", "100% right", "fc8"])
def test_samples_lie_around_the_quantiles(layer: str, scanned: Scan) -> None:
    maxima = scanned.maxima(layer)
    used = scanned.was_read.nonzero()[0]
    for unit in range(scanned.layers[layer].units):
        ranked = sorted(used.tolist(), key=lambda image, u=unit: (-maxima[image, u], image))
        samples = scanned.quantile_samples(layer, unit)
        assert samples.quantiles == (0.999, 0.99, 0.9, 0.5)
        assert samples.images[0].tolist() == samples.images[1].tolist() == ranked[:3]
        assert samples.images[2].tolist() == ranked[0:3]  # rank 1 of 0 to 11 is the 0.9 quantile
        assert samples.images[3].tolist() == ranked[5:8]  # 0.5 · 11 rounds to 6
        np.testing.assert_array_equal(samples.values, maxima[samples.images, unit])
        assert scanned.top(layer, unit).images.tolist() == ranked[:3]


def test_quantiles_of_many_images_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived, "MEMORY", 8 * 5000 * 3)
    values = np.random.default_rng(0).normal(size=(5000, 7)).astype(np.float32)
    with h5py.File(tmp_path / "table.h5", "w") as file:
        file.create_dataset("maxima", data=values, chunks=(1024, 2))
        derived.add_quantiles(file, np.arange(5000), 9)
        found = file["quantile_value"][()]
    for place, quantile in enumerate(derived.QUANTILES):
        exact = np.quantile(values, quantile, axis=0)
        assert (found[:, place].min(1) <= exact).all()
        assert (found[:, place].max(1) >= exact).all()


def test_few_images_leave_places_empty(make_model, make_pictures, tmp_path: Path) -> None:
    with_bar(scan(make_model(), make_pictures(2), tmp_path / "scan.h5", top=4, device="cpu"), quiet=True)
    with Scan(tmp_path / "scan.h5") as opened:
        samples = opened.quantile_samples("conv1", 0)
        assert (samples.images[:, 2:] == -1).all()
        assert np.isnan(samples.values[:, 2:]).all()
        assert set(samples.images[0, :2].tolist()) == {0, 1}


def test_names_of_classes_are_those_of_the_images(make_model, make_pictures, tmp_path: Path) -> None:
    """The labels of another task are not the classes of the net."""
    model = replace(make_model(), classes=("kitchen", "bar", "hall"))
    named = replace(make_pictures(4), classes_of=(0, 1, 1, 0), classes=("cat", "dog"))
    for name, images in (("named", named), ("unnamed", replace(named, classes=()))):
        with_bar(scan(model, images, tmp_path / f"{name}.h5", layers=["conv1"], device="cpu"), quiet=True)
    assert Scan(tmp_path / "named.h5").classes == ("cat", "dog")
    assert Scan(tmp_path / "unnamed.h5").classes == model.classes


@pytest.mark.parametrize("layer", ["conv1", "fc8"])
def test_classes(layer: str, scanned: Scan) -> None:
    assert scanned.class_counts.tolist() == [3, 0, 3, 0, 4]  # picture 5, of class 2, cannot be read
    means, found = scanned.means(layer), scanned.class_means(layer)
    labels = np.where(scanned.was_read, LABELS, -1)
    assert np.isnan(found[[1, 3]]).all()
    for label in (0, 2, 4):
        np.testing.assert_allclose(found[label], means[labels == label].mean(0, dtype=np.float64), rtol=1e-6)
    for unit in range(scanned.layers[layer].units):
        classes, values = scanned.top_classes(layer, unit)
        assert classes.tolist() == sorted((0, 2, 4), key=lambda label, u=unit: (-found[label, u], label))
        np.testing.assert_array_equal(values, found[classes, unit])


def test_correlation(scanned: Scan) -> None:
    for layer in ("conv1", "fc"):
        means = scanned.means(layer)[scanned.was_read].astype(np.float64)
        with np.errstate(invalid="ignore"):
            wanted = np.corrcoef(means.T)
        np.testing.assert_allclose(scanned.correlation(layer), wanted, atol=1e-6)


def test_what_was_not_kept_is_named(make_model, make_pictures, tmp_path: Path) -> None:
    work = scan(make_model(), make_pictures(3), tmp_path / "scan.h5", device="cpu", quantiles=False)
    with_bar(work, quiet=True)
    with Scan(tmp_path / "scan.h5") as opened:
        assert opened.quantiles == ()
        for ask, option in (
            (lambda: opened.quantile_samples("conv1", 0), "--no-quantiles"),
            (lambda: opened.maxima("conv1"), "--no-quantiles"),
            (lambda: opened.class_means("conv1"), "labels"),
            (lambda: opened.top_classes("conv1", 0), "labels"),
            (lambda: opened.correlation("conv1"), "--correlation"),
        ):
            with pytest.raises(ScanError, match=option):
                ask()
        assert opened.class_counts.tolist() == []
