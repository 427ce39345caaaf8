"""Reading scans, ours with h5py alone, and files that are none."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.sources import open_images
from entropy.errors import ScanError
from entropy.measuring import scan_layout as layout
from prototxt.common.progress import with_bar
from prototxt.formats.weights import weights_hash
from prototxt.pixels.preprocess import Preprocessing

DOCUMENT = (Path(__file__).parents[3] / "docs/scan-format.md").read_text()
CONSTANTS = [value for name, value in vars(layout).items() if name.isupper() and name != "SCAN_FORMAT"]
NAMES = {value for value in CONSTANTS if isinstance(value, str)}
NAMES |= {name for value in CONSTANTS if isinstance(value, tuple) for name in value}
NAMES |= {name for table in layout.MEANS for name in layout.histograms_of(table)}
NAMES |= {layout.mean_importance(table) for table in layout.IMPORTANCE}


def undocumented(names: set[str]) -> list[str]:
    return [name for name in sorted(names) if not re.search(rf"`[^`\n]*\b{name}\b", DOCUMENT)]


@pytest.fixture
def scan_file(make_model, make_pictures, tmp_path: Path) -> Path:
    with_bar(
        scan(make_model(), make_pictures(5), tmp_path / "scan.h5", top=3, batch=4, device="cpu", before=False),
        quiet=True,
    )
    return tmp_path / "scan.h5"


def test_the_documented_layout(scan_file: Path, make_model) -> None:
    model = make_model()
    with h5py.File(scan_file) as file:
        attributes = dict(file.attrs)
        assert attributes["format"] == "deepvis-scan"
        assert attributes["format_version"] == 1
        assert attributes["net"] == "small"
        assert attributes["top"] == 3
        assert attributes["model_hash"] == weights_hash(model.weights)
        assert attributes["preprocessing_hash"] == model.preprocessing.hash
        assert Preprocessing.from_json(attributes["preprocessing"]) == model.preprocessing
        assert attributes["images_hash"] == open_images(file["images"].attrs["root"]).hash
        assert "torch" in json.loads(attributes["versions"])
        assert list(file["images/path"].asstr()) == [f"{number}.png" for number in range(5)]
        assert file["images/label"][()].tolist() == [-1] * 5
        assert file["images/label"].dtype == np.int32
        assert list(file["layers"].attrs["names"]) == ["conv1", "branch/left", "100% right", "up", "fc", "fc8"]
        left = file["layers"]["branch%2Fleft"]
        assert dict(left.attrs)["name"] == "branch/left"
        assert left.attrs["type"] == "Convolution"
        assert left.attrs["blob"] == "left@1"
        assert left.attrs["map_shape"].tolist() == [5, 6]
        assert left.attrs["rf_size"].tolist() == [8, 8]
        assert left.attrs["rf_stride"].tolist() == [2, 2]
        assert left.attrs["rf_start"].tolist() == [-3, -3]
        assert left["rf_rows"][1].tolist() == [-1, 7]
        assert left["means_post"].shape == (5, 4)
        assert left["means_post"].dtype == np.float32
        assert left["top_position"].shape == (4, 3, 2)
        assert "means_pre" not in left
        assert "100%25 right" in file["layers"]
        assert file["layers/fc"].attrs["map_shape"].tolist() == []


def test_a_mean_image_fits_into_the_file(make_model, make_pictures, tmp_path: Path) -> None:
    model = make_model()
    model = model.with_preprocessing(mean=(), mean_image=np.random.default_rng(0).normal(size=(3, 100, 100)))
    model = model.with_preprocessing(resize="stretch", resize_to=(100, 100))
    with_bar(scan(model, make_pictures(2), tmp_path / "scan.h5", device="cpu"), quiet=True)
    with Scan(tmp_path / "scan.h5") as opened:
        assert opened.preprocessing == model.preprocessing
        assert opened.stale_reason(model) is None


def test_stale_reasons(scan_file: Path, make_model) -> None:
    with Scan(scan_file) as opened:
        assert opened.stale_reason(make_model()) is None
        assert "other weights (small)" in str(opened.stale_reason(make_model(seed=1)))
        assert "another preprocessing" in str(opened.stale_reason(make_model().with_preprocessing(mean=())))


def test_what_is_not_there_is_named(scan_file: Path) -> None:
    with Scan(scan_file) as opened:
        with pytest.raises(ScanError, match="no layer 'conv_1'; did you mean 'conv1'"):
            opened.top("conv_1", 0)
        with pytest.raises(ScanError, match="layer 'conv1' has no unit 5; its units are 0 to 4"):
            opened.top("conv1", 5)
        with pytest.raises(ScanError, match="no unit -1"):
            opened.top("conv1", -1)
        with pytest.raises(ScanError, match="has 3 images; there is no number 3"):
            opened.patch("conv1", 0, 3)
        with pytest.raises(ScanError, match="scan again without --no-before"):
            opened.means("conv1", before=True)


def test_files_that_are_no_scan(scan_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ScanError, match="no such file; make one with: deepvis scan"):
        Scan(tmp_path / "missing.h5")
    cut = tmp_path / "cut.h5"
    cut.write_bytes(scan_file.read_bytes()[:5000])
    with pytest.raises(ScanError, match=r"cut\.h5: is not a whole HDF5 file"):
        Scan(cut)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = 1
    with pytest.raises(ScanError, match="is an HDF5 file, but no scan"):
        Scan(tmp_path / "other.h5")
    with h5py.File(scan_file, "r+") as file:
        file.attrs["format_version"] = 2
    with pytest.raises(ScanError, match="has format version 2, this program knows up to 1"):
        Scan(scan_file)


def test_everything_in_a_file_is_documented(make_model, make_pictures, tmp_path: Path) -> None:
    images = replace(make_pictures(4), classes_of=(0, 1, 1, 0), classes=("cat", "dog"))
    images.path(1).write_text("no picture")
    model = replace(make_model(), classes=("cat", "dog", "owl"))
    kept = {"correlation": True, "importance": True, "histograms": True}
    with_bar(scan(model, images, tmp_path / "scan.h5", device="cpu", **kept), quiet=True)
    names: set[str] = set()
    with h5py.File(tmp_path / "scan.h5") as file:
        names |= {"layers", *file.attrs}
        file.visititems(
            lambda name, node: names.update(
                node.attrs, [] if isinstance(node, h5py.Group) else [name.rpartition("/")[2]]
            )
        )
    assert len(names) > 50
    assert names <= NAMES
    names = {re.sub("^means_pre_", "means_post_", name) for name in names}  # one line stands for both
    assert undocumented(names) == []


def test_the_layout_and_the_document_have_the_same_names() -> None:
    assert undocumented({re.sub("^means_pre_", "means_post_", name) for name in NAMES}) == []
    tables = re.findall(r"^\| (`.*?) \|", DOCUMENT, re.MULTILINE)
    assert {name for cells in tables for name in re.findall(r"`(\w+)`", cells)} <= NAMES
