"""Patches are the pictures' own pixels, and they are what the unit saw."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from deepvis.errors import ImageError
from deepvis.scan.patches import GREY, cut_patch, visible_box
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.sources import open_images
from entropy.errors import ScanError
from prototxt.common.progress import with_bar
from prototxt.pixels.preprocess import Preprocessing


@pytest.fixture
def scanned(make_model, make_pictures, tmp_path: Path) -> Scan:
    model = make_model()
    with_bar(scan(model, make_pictures(6), tmp_path / "scan.h5", top=4, batch=4, device="cpu"), quiet=True)
    with Scan(tmp_path / "scan.h5") as opened:
        yield opened


@pytest.mark.parametrize("layer", ["conv1", "branch/left", "100% right", "up", "fc"])
def test_patch_is_cut_from_the_picture(layer: str, scanned: Scan) -> None:
    for rank in range(4):
        top = scanned.top(layer, 1)
        picture = cv2.imread(str(scanned.image_path(top.images[rank])))[:, :, ::-1]
        y0, x0, y1, x1 = scanned.box(layer, 1, rank)
        np.testing.assert_array_equal(scanned.patch(layer, 1, rank, constant_size=False), picture[y0:y1, x0:x1])


@pytest.mark.parametrize("layer", ["conv1", "branch/left", "100% right", "up"])
def test_only_what_is_in_the_patch_drives_the_unit(layer: str, scanned: Scan, make_model) -> None:
    model = make_model()
    network, wanted = model.network(), model.layer(layer)
    random = np.random.default_rng(0)
    for unit in range(2):
        top = scanned.top(layer, unit)
        picture = open_images(scanned.root).read(top.images[0])
        y0, x0, y1, x1 = scanned.box(layer, unit, 0)
        noise = random.integers(0, 8, picture.shape, dtype=np.uint8)
        outside = noise.copy()
        outside[y0:y1, x0:x1] = picture[y0:y1, x0:x1]
        inside = picture.copy()
        inside[y0:y1, x0:x1] = noise[y0:y1, x0:x1]

        place = (0, unit, *top.positions[0].tolist())
        before, after = [], []
        for pixels in (picture, outside, inside):
            values = network.run({"data": model.to_blob(pixels)[None]}, keep=[wanted.before, wanted.value])
            before.append(float(values[wanted.before][place]))
            after.append(float(values[wanted.value][place]))
        assert after[0] == top.values[0]
        assert (before[1], after[1]) == (before[0], after[0])
        assert before[2] != before[0]


def test_patches_of_a_unit_are_equally_large(scanned: Scan) -> None:
    model_field = scanned.layers["branch/left"].box((2, 2))
    shapes = {scanned.patch("branch/left", unit, rank).shape for unit in range(4) for rank in range(4)}
    assert shapes == {(model_field[2] - model_field[0], model_field[3] - model_field[1], 3)}


def test_a_fully_connected_unit_saw_the_whole_crop(scanned: Scan) -> None:
    assert scanned.patch("fc8", 0, 0).shape == (9, 11, 3)


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 120, (height, width, 3), dtype=np.uint8)


def test_overhang_is_grey() -> None:
    pixels = picture(10, 12)
    patch = cut_patch(pixels, (-2, 9, 3, 14), Preprocessing(), constant_size=True)
    assert patch.shape == (5, 5, 3)
    np.testing.assert_array_equal(patch[2:, :3], pixels[:3, 9:])
    assert (patch[:2] == GREY).all()
    assert (patch[:, 3:] == GREY).all()


def test_what_the_crop_cut_off_was_not_seen() -> None:
    pixels = picture(10, 12)
    patch = cut_patch(pixels, (-1, -1, 2, 2), Preprocessing(crop=(6, 8)), constant_size=True)
    assert patch.shape == (3, 3, 3)
    np.testing.assert_array_equal(patch[1:, 1:], pixels[2:4, 2:4])
    assert (patch[0] == GREY).all()
    assert visible_box((-1, -1, 2, 2), (10, 12), Preprocessing(crop=(6, 8))) == (2, 2, 4, 4)


def test_a_field_larger_than_the_input_is_framed_by_it() -> None:
    pixels = picture(10, 12)
    patch = cut_patch(pixels, (-8, -8, 6, 40), Preprocessing(), constant_size=True)
    assert patch.shape == (10, 12, 3)
    np.testing.assert_array_equal(patch[:6], pixels[:6])
    assert (patch[6:] == GREY).all()


@pytest.mark.parametrize("size", [(64, 64), (100, 73), (41, 200), (256, 256), (300, 500)])
@pytest.mark.parametrize("rule", [("stretch", (32, 32)), ("shorter side", (33,))])
def test_resized_pictures_keep_one_patch_size(size: tuple[int, int], rule: tuple[str, tuple[int, ...]]) -> None:
    pixels = picture(*size)
    preprocessing = Preprocessing(resize=rule[0], resize_to=rule[1], crop=(30, 30))
    boxes = [(y, x, y + 7, x + 7) for y in range(-5, 28) for x in range(-5, 28, 3)]
    patches = [cut_patch(pixels, box, preprocessing, constant_size=True) for box in boxes]
    assert len({patch.shape for patch in patches}) == 1
    for box, patch in zip(boxes, patches, strict=True):
        y0, x0, y1, x1 = visible_box(box, size, preprocessing)
        shown = patch[(patch != GREY).any(axis=2)]
        np.testing.assert_array_equal(shown, pixels[y0:y1, x0:x1].reshape(-1, 3))


def test_pictures_that_changed_are_told_of(scanned: Scan) -> None:
    path = scanned.image_path(scanned.top("conv1", 0).images[0])
    cv2.imwrite(str(path), picture(30, 30))
    with pytest.raises(ScanError, match="has changed since the scan"):
        scanned.patch("conv1", 0, 0)
    path.unlink()
    with pytest.raises(ImageError, match="cannot be read"):
        scanned.patch("conv1", 0, 0)
