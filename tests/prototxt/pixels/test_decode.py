"""Decoding pictures."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from prototxt.common.errors import ImageError
from prototxt.pixels.decode import decode, read_image

RGB = np.random.default_rng(0).integers(0, 256, (6, 4, 3), dtype=np.uint8)
ORIENTATION = 0x112


def encoded(array: np.ndarray, format_name: str = "png", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format_name, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("format_name", ["png", "bmp", "tiff", "ppm"])
def test_lossless_formats_give_the_pixels(format_name: str) -> None:
    pixels = decode(encoded(RGB, format_name), "x")
    np.testing.assert_array_equal(pixels, RGB)
    assert pixels.flags.c_contiguous


def test_jpeg_as_pillow_decodes_it() -> None:
    smooth = cv2.resize(RGB, (64, 64), interpolation=cv2.INTER_CUBIC)
    data = encoded(smooth, "jpeg", quality=95)
    np.testing.assert_allclose(decode(data, "x").astype(int), np.array(Image.open(io.BytesIO(data))), atol=2)


def test_grey_becomes_three_channels() -> None:
    np.testing.assert_array_equal(decode(encoded(RGB[:, :, 0]), "x"), np.repeat(RGB[:, :, :1], 3, axis=2))


def test_sixteen_bits_are_rounded() -> None:
    wide = np.array([[0, 128, 129, 257, 65535, 32768]], np.uint16)
    data = cv2.imencode(".png", wide)[1].tobytes()
    assert decode(data, "x")[0, :, 0].tolist() == [round(value / 257) for value in wide[0].tolist()]


def test_transparent_pictures_lie_on_white() -> None:
    alpha = np.array([[0, 51, 102, 255]], np.uint8).repeat(6, 0)
    expected = np.rint((RGB * (alpha / 255)[:, :, None]) + 255 * (1 - alpha / 255)[:, :, None])
    np.testing.assert_array_equal(decode(encoded(np.dstack([RGB, alpha])), "x"), expected)


@pytest.mark.parametrize("format_name", ["jpeg", "png"])
def test_exif_turns_the_picture_upright(format_name: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # the camera was turned: rotate by 90 degrees clockwise
    wide = np.zeros((16, 32, 3), np.uint8)
    wide[:, 16:] = 255
    upright = decode(encoded(wide, format_name, exif=exif), "x")
    assert upright.shape == (32, 16, 3)
    assert upright[4, 8].max() < 30
    assert upright[28, 8].min() > 225


@pytest.mark.parametrize("format_name", ["jpeg", "png", "tiff", "bmp", "webp"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 0.95])
def test_cut_off_files_are_refused(format_name: str, share: float) -> None:
    large = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    data = encoded(large, format_name)
    with pytest.raises(ImageError, match=r"photo\.x: is not a picture that OpenCV can read, or it is cut off"):
        decode(data[: int(share * len(data))], "photo.x")


def test_floating_point_pictures_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "x.tiff"), np.zeros((3, 3), np.float32))
    with pytest.raises(ImageError, match=r"x\.tiff: has float32 values"):
        read_image(tmp_path / "x.tiff")


def test_missing_picture(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none\.png: cannot be read \(No such file"):
        read_image(tmp_path / "none.png")
