"""What the forms write, read back from the disk."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepvis.errors import ExportError, ImageError
from deepvis.export.arikpoz import HEADER
from deepvis.export.folder import RECORD, atomic_folder, file_names
from deepvis.export.job import Job
from deepvis.export.pictures import Blocks, fit
from deepvis.export.run import FORMS, export
from deepvis.export.unit_entries import top_classes
from deepvis.export.unit_folders import open_unit_pictures
from deepvis.scan.patches import cut_patch
from entropy.errors import ScanError
from prototxt.common.errors import FormatError
from prototxt.common.progress import with_bar
from prototxt.pixels.decode import read_image


def write(form: str, job: Job, out: Path) -> Path:
    with_bar(export(form, job, out), quiet=True)
    return out


def test_patches_and_their_table(scanned, tmp_path: Path) -> None:
    out = write("patches", scanned.job(("guided",), count=2), tmp_path / "out")
    rows = list(csv.DictReader((out / "patches.csv").read_text().splitlines()))
    assert len(rows) == sum(2 * layer.units for layer in scanned.scan.layers.values())
    for row in rows:
        layer, unit, rank = row["layer"], int(row["unit"]), int(row["rank"])
        assert np.array_equal(read_image(out / row["file"]), scanned.scan.patch(layer, unit, rank))
        assert tuple(int(row[name]) for name in ("y0", "x0", "y1", "x1")) == scanned.scan.box(layer, unit, rank)
        assert np.float32(row["value"]) == scanned.scan.top(layer, unit).values[rank]
        assert (out / row["file"].replace(".png", "_guided.png")).is_file()
    assert {path.name for path in out.iterdir() if path.is_dir()} == {"conv1", "branch-left", "100-right", "up", "fc"}
    record = json.loads((out / RECORD).read_text())
    assert record["model_hash"] == scanned.model.hash
    assert record["back_propagation"] == ["guided"]


def test_unit_folders_are_read_back(scanned, tmp_path: Path) -> None:
    out = write("folders", scanned.job(("deconv", "gradient")), tmp_path / "out")
    assert (out / "branch/left/unit_0003/maxim_003.png").is_file()
    info = (out / "conv1/unit_0000/info.txt").read_text().splitlines()
    assert info[0] == HEADER
    assert len(info[1].split()) == 7
    assert len((out / "fc/unit_0000/info.txt").read_text().splitlines()[1].split()) == 5
    pictures = open_unit_pictures(out)
    assert set(pictures.layers) == set(scanned.scan.layers)
    for name, layer in scanned.scan.layers.items():
        assert pictures.units(name) == tuple(range(layer.units))
        for unit in range(layer.units):
            top = scanned.scan.top(name, unit)
            found = pictures.pictures(name, unit, "maxim")
            assert [picture.rank for picture in found] == list(range(len(top)))
            assert [picture.image for picture in found] == [scanned.scan.paths[image] for image in top.images]
            assert [picture.value for picture in found] == pytest.approx(top.values.tolist(), abs=1e-6)
            assert np.array_equal(found[0].read(), scanned.scan.patch(name, unit, 0))
    kinds = {picture.kind for picture in pictures.pictures("conv1", 0)}
    assert kinds == {"maxim", "deconv", "deconvnorm", "backprop", "backpropnorm"}
    with pytest.raises(ExportError, match="has no layer 'conv9'; it has"):
        pictures.pictures("conv9", 0)


def test_the_least_are_beside_the_greatest(scanned, tmp_path: Path) -> None:
    job = scanned.job(("guided",), least=True, count=2)
    out = write("folders", job, tmp_path / "out")
    for name in scanned.scan.layers:
        bottom = scanned.scan.bottom(name, 1)
        found = open_unit_pictures(out).pictures(name, 1, "min_maxim")
        assert [picture.value for picture in found] == pytest.approx(bottom.values[:2].tolist(), abs=1e-6)
        assert [picture.image for picture in found] == [scanned.scan.paths[image] for image in bottom.images[:2]]
        picture, size = read_image(scanned.scan.image_path(int(bottom.images[0]))), scanned.model.input_shape[1:]
        box = scanned.scan.layers[name].box(bottom.positions[0].tolist()) or (0, 0, *size)
        assert np.array_equal(found[0].read(), cut_patch(picture, box, scanned.scan.preprocessing, True))
    rows = (write("patches", job, tmp_path / "flat") / "patches.csv").read_text().splitlines()
    assert sum(row["least"] == "1" for row in csv.DictReader(rows)) == (len(rows) - 1) / 2
    page = (write("atlas", job, tmp_path / "atlas") / "layers/conv1.html").read_text()
    assert page.count('title="least"') == page.count('title="guided"') == 5
    assert (tmp_path / "atlas/sprites/conv1_least_0.webp").is_file()


def test_info_of_another_version_and_names_with_blanks(tmp_path: Path) -> None:
    unit = tmp_path / "conv1" / "unit_0012"
    unit.mkdir(parents=True)
    for name in ("maxim_000.png", "opt_000_seed3.jpg", "max_histogram.png"):
        cv2.imwrite(str(unit / name), np.zeros((4, 4, 3), np.uint8))
    newer = HEADER.replace("image_class", "image_class selected_input_index")
    (unit / "info.txt").write_text(f"{newer}\n1 3.250000 17 4 -1 5 6 my pictures/a b.jpg\n")
    found = open_unit_pictures(tmp_path).pictures("conv1", 12)
    assert [(one.kind, one.rank, one.value, one.image) for one in found] == [
        ("maxim", 0, 3.25, "my pictures/a b.jpg"),
        ("opt", 0, None, None),
    ]


def test_montages_of_the_first_toolbox(tmp_path: Path) -> None:
    for folder, name in (("max_im", "conv1_0007.jpg"), ("max_deconv", "conv1_0007.jpg"), ("max_im", "conv1_0010.jpg")):
        (tmp_path / folder / "conv1").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / folder / "conv1" / name), np.full((9, 9, 3), 200, np.uint8))
    cv2.imwrite(str(tmp_path / "max_im/conv1/whole_layer.jpg"), np.zeros((9, 9, 3), np.uint8))
    pictures = open_unit_pictures(tmp_path)
    assert pictures.layers == ("conv1",)
    assert pictures.units("conv1") == (7, 10)
    found = pictures.pictures("conv1", 7)
    assert [(one.kind, one.montage) for one in found] == [("deconv", True), ("maxim", True)]
    assert found[1].read().shape == (9, 9, 3)
    assert pictures.pictures("conv1", 8) == []


def test_folders_of_neither_toolbox_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="has neither folders such as"):
        open_unit_pictures(tmp_path)
    with pytest.raises(ExportError, match="is no folder"):
        open_unit_pictures(tmp_path / "missing")


def test_sheets_hold_every_unit(scanned, tmp_path: Path) -> None:
    out = write("sheets", scanned.job(size=24), tmp_path / "out")
    assert {path.stem for path in out.glob("*.png")} == {
        "conv1_0000-0004", "branch-left_0000-0003", "100-right_0000-0003", "up_0000-0001", "fc_0000-0005",
    }  # fmt: skip
    sheet = read_image(out / "conv1_0000-0004.png")
    for unit in range(5):
        patch = fit(scanned.scan.patch("conv1", unit, 0), 24)
        hits = cv2.matchTemplate(sheet, patch, cv2.TM_SQDIFF)
        assert hits.min() < 1


def test_many_units_come_in_several_sheets_and_passes(scanned, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("deepvis.export.sheets.COLUMNS", 2)
    monkeypatch.setattr("deepvis.export.sheets.ROWS", 1)
    one = write("sheets", scanned.job(size=16), tmp_path / "one")
    monkeypatch.setattr("deepvis.export.job.MEMORY", 1)  # a walk over the images for every layer
    many = write("sheets", scanned.job(size=16), tmp_path / "many")
    assert len(list(one.glob("conv1_*.png"))) == 3
    for sheet in one.glob("*.png"):
        assert sheet.read_bytes() == (many / sheet.name).read_bytes()


class Page(HTMLParser):
    """Links, ids and sources of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src"):
                self.links.append(value or "")


def test_atlas_has_a_page_for_each_layer_and_a_link_for_each_unit(scanned, tmp_path: Path) -> None:
    rates = {"conv1": np.array([0, 0.25, 1, 0, 0.5])}
    out = write("atlas", scanned.job(("guided",), multipliers=rates), tmp_path / "out")
    names = file_names(list(scanned.scan.layers))
    pages = [out / "index.html", *(out / "layers" / f"{name}.html" for name in names.values())]
    for page in pages:
        for link in Page(page).links:
            path, _, fragment = link.partition("#")
            target = page if not path else (page.parent / path).resolve()
            assert link == "data:," or target.is_file(), link
            assert not fragment or fragment in Page(target).ids
        text = page.read_text()
        assert not re.search(r"(?:https?:)?//[a-z]", text)
        for url in re.findall(r'url\("([^"]+)"\)', text):
            assert (page.parent / url).is_file()
    for layer, name in names.items():
        ids = Page(out / "layers" / f"{name}.html").ids
        assert [one for one in ids if one != "found"] == [f"u{n}" for n in range(scanned.scan.layers[layer].units)]
    conv1 = (out / "layers/conv1.html").read_text()
    assert "× 0.25" in conv1
    assert conv1.count("frozen") == 2
    data = json.loads((out / "units.js").read_text().removeprefix("const ATLAS = ").removesuffix(";\n"))
    assert [layer["name"] for layer in data["layers"]] == list(scanned.scan.layers)
    assert data["layers"][0]["rate"] == [0, 0.25, 1, 0, 0.5]
    assert set(data["classes"]) == {"class 0", "class 1"}


def test_sprites_show_the_patches(scanned, tmp_path: Path) -> None:
    out = write("atlas", scanned.job(size=32), tmp_path / "out")
    sheet = read_image(out / "sprites/up_0.webp").astype(int)
    blocks = Blocks(2, 4, 32)
    for rank in range(4):
        blocks.put(1, rank, scanned.scan.patch("up", 1, rank))
    height, width = blocks.shape
    shown = sheet[2 : 2 + height, 4 + width : 4 + 2 * width]
    assert np.abs(shown - blocks.pixels[1]).mean() < 4  # WebP is lossy


def test_top_classes_are_means_over_the_images_of_a_class(scanned) -> None:
    means, labels = scanned.scan.means("fc"), scanned.scan.labels
    expected = {label: means[labels == label].astype(float).mean(0) for label in (0, 1)}
    for unit, found in enumerate(top_classes(scanned.scan, "fc")):
        assert dict(found) == {label: pytest.approx(values[unit]) for label, values in expected.items()}
        assert found[0][1] >= found[1][1]


def test_names_of_files_are_different_and_plain() -> None:
    assert file_names(["a/b", "a-b", "A-B", "../..", "conv1"]) == {
        "a/b": "a-b", "a-b": "a-b-2", "A-B": "A-B-3", "../..": "layer", "conv1": "conv1",
    }  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_what_was_stopped_leaves_nothing(scanned, tmp_path: Path, form: str) -> None:
    before = set(tmp_path.rglob("*"))
    work = export(form, scanned.job(), tmp_path / "out")
    for _ in range(4):
        next(work)
    assert set(tmp_path.rglob("*")) > before
    work.close()
    assert set(tmp_path.rglob("*")) == before


def test_an_earlier_export_is_replaced_and_nothing_else(scanned, tmp_path: Path) -> None:
    out = write("sheets", scanned.job(), tmp_path / "out")
    for path in scanned.images.root.iterdir():
        path.rename(path.with_suffix(".gone"))
    with pytest.raises(ImageError, match="none of the scan's pictures"):
        write("folders", scanned.job(), out)
    assert (out / "conv1_0000-0004.png").is_file()
    for path in scanned.images.root.iterdir():
        path.rename(path.with_suffix(".png"))
    write("patches", scanned.job(), out)
    assert not (out / "conv1_0000-0004.png").exists()
    assert not list(tmp_path.glob(".*"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(ExportError, match="holds other files"):
        write("patches", scanned.job(), tmp_path / "mine")
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="is a file"):
        write("patches", scanned.job(), tmp_path / "file")
    with pytest.raises(ScanError, match="has no layer 'conv9'"):
        write("patches", Job(scanned.scan, ("conv9",)), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_full_disk_is_told_and_leaves_the_old_folder(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "out", {"form": "old"}) as folder:
        (folder / "a").touch()

    def fill_the_disk() -> None:
        with atomic_folder(tmp_path / "out", {}):
            raise OSError(28, "No space left on device")

    with pytest.raises(FormatError, match=r"cannot be written \(No space left on device\)"):
        fill_the_disk()
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    assert (tmp_path / "out" / "a").exists()
