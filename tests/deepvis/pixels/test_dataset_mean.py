"""Mean and standard deviation of a data set, against NumPy over all pixels at once."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from deepvis.errors import ImageError
from deepvis.pixels.dataset_mean import PixelSums, dataset_mean
from deepvis.sources import Images, open_images
from prototxt.common.progress import with_bar
from prototxt.pixels.preprocess import Preprocessing


@pytest.fixture
def photographs(tmp_path: Path) -> Images:
    random = np.random.default_rng(0)
    (tmp_path / "photographs").mkdir()
    for number in range(9):
        pixels = random.integers(0, 256, (10 + number, 14, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"photographs/{number}.png"), pixels)
    return open_images(tmp_path / "photographs")


def sums(images: Images, geometry: Preprocessing, **options: bool) -> PixelSums:
    return with_bar(dataset_mean(images, geometry, workers=2, **options), quiet=True)


@pytest.mark.parametrize(
    "geometry", [Preprocessing(), Preprocessing(crop=(8, 8)), Preprocessing(resize="stretch", resize_to=(7, 9))]
)
def test_equals_numpy_over_all_pixels(photographs: Images, geometry: Preprocessing) -> None:
    found = sums(photographs, geometry)
    cut = Preprocessing("RGB", resize=geometry.resize, resize_to=geometry.resize_to, crop=geometry.crop)
    pictures = [cut.apply(photographs.read(index)).astype(np.float64) for index in range(9)]
    everything = np.concatenate([picture.reshape(3, -1) for picture in pictures], axis=1)
    assert (found.images, found.pixels) == (9, everything.shape[1])
    np.testing.assert_allclose(found.mean("RGB"), everything.mean(1), rtol=1e-12)
    np.testing.assert_allclose(found.std("RGB"), everything.std(1), rtol=1e-12)
    assert found.mean("BGR") == found.mean("RGB")[::-1]
    grey = [cv2.cvtColor(p.transpose(1, 2, 0).astype(np.uint8), cv2.COLOR_RGB2GRAY).ravel() for p in pictures]
    np.testing.assert_allclose(found.mean("GRAY"), [np.concatenate(grey).mean()], rtol=1e-12)
    np.testing.assert_allclose(found.std("GRAY"), [np.concatenate(grey).std()], rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_any_order_gives_the_same_bits(photographs: Images, seed: int) -> None:
    shuffled = Images(photographs.root, tuple(np.random.default_rng(seed).permutation(photographs.paths).tolist()))
    geometry = Preprocessing(resize="stretch", resize_to=(6, 5))
    one, other = sums(photographs, geometry, mean_image=True), sums(shuffled, geometry, mean_image=True)
    assert (one.sums, one.squares) == (other.sums, other.squares)
    assert (one.mean("BGR"), one.std("RGB")) == (other.mean("BGR"), other.std("RGB"))
    assert one.mean_image("BGR").tobytes() == other.mean_image("BGR").tobytes()


def test_numbers_of_a_million_pictures_are_exact() -> None:
    """Sums are whole numbers of any size, where float64 would lose digits, and those of a mean image fit int64."""
    pixels = 10**18
    squares = [128**2 * pixels + pixels // 10**6] * 4
    sums = PixelSums(10**12, pixels, [128 * pixels] * 4, squares, place_by_place=True)
    assert sums.mean("GRAY") == [128.0]
    assert sums.std("GRAY") == pytest.approx([1e-3], rel=1e-12)
    sums.image = np.full((4, 1, 1), 2**55, np.int64)
    sums.add([np.full((4, 1, 1), 255, np.uint8)])
    assert int(sums.image[0, 0, 0]) == 2**55 + 255


def test_mean_image(photographs: Images) -> None:
    geometry = Preprocessing("BGR", resize="stretch", resize_to=(6, 5))
    found = sums(photographs, geometry, mean_image=True)
    pictures = np.stack([geometry.apply(photographs.read(index)) for index in range(9)])
    np.testing.assert_allclose(found.mean_image("BGR"), pictures.mean(0), rtol=1e-6)
    with pytest.raises(ImageError, match=r"pictures of 11 x 14 and 10 x 14 have no mean image; give --resize"):
        sums(photographs, Preprocessing(), mean_image=True)


def test_equal_pixels_have_no_deviation(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "x.png"), np.full((50, 50, 3), 77, np.uint8))
    assert sums(open_images(tmp_path), Preprocessing()).std("RGB") == [0.0, 0.0, 0.0]


def test_broken_pictures_are_left_out_or_stop(photographs: Images) -> None:
    whole = sums(photographs, Preprocessing())
    photographs.path(4).write_text("no picture")
    found = sums(photographs, Preprocessing())
    assert (found.images, len(found.errors)) == (8, 1)
    assert found.pixels == whole.pixels - 14 * 14
    with pytest.raises(ImageError, match=r"4\.png: is not a picture"):
        sums(photographs, Preprocessing(), strict=True)
    for index in range(9):
        photographs.path(index).write_text("no picture")
    with pytest.raises(ImageError, match="none of the 9 images could be used"):
        sums(photographs, Preprocessing())
