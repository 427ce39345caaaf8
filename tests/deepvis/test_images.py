"""Decoding and listing pictures."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from deepvis.errors import ImageError
from deepvis.images import decode, images_in_list, natural_key, open_images, read_image

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


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(RGB))


def test_folders_are_searched_in_natural_order(tmp_path: Path) -> None:
    make(tmp_path, "b/2.png", "b/10.PNG", "a10/x.png", "a9/x.jpeg", "B1.png", ".hidden/x.png", "a9/._x.png")
    (tmp_path / "a9/notes.txt").write_text("")
    found = open_images(tmp_path)
    assert found.paths == ("a9/x.jpeg", "a10/x.png", "b/2.png", "b/10.PNG", "B1.png")
    assert found.labels.tolist() == [-1] * 5
    np.testing.assert_array_equal(found.read(2), RGB)


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    make(tmp_path, "real/x.png")
    (tmp_path / "outside").mkdir()
    make(tmp_path, "outside/y.png")
    (tmp_path / "real/loop").symlink_to(tmp_path / "real")
    (tmp_path / "real/out").symlink_to(tmp_path / "outside")
    assert open_images(tmp_path / "real").paths == ("out/y.png", "x.png")


def test_class_folders_are_numbered_like_the_models_classes(tmp_path: Path) -> None:
    make(tmp_path, "10/a.png", "9/a.png", "9/deep/b.png", "loose.png")
    plain = open_images(tmp_path, class_folders=True)
    assert plain.paths == ("9/a.png", "9/deep/b.png", "10/a.png", "loose.png")
    assert plain.classes == ("10", "9")  # as torchvision's ImageFolder sorts
    assert plain.labels.tolist() == [1, 1, 0, -1]
    known = open_images(tmp_path, class_folders=True, classes=["8", "9", "10"])
    assert known.labels.tolist() == [1, 1, 2, -1]
    assert known.classes == ("8", "9", "10")
    with pytest.raises(ImageError, match="no folders in it that could be classes"):
        open_images(tmp_path / "10", class_folders=True)


def test_lists_with_and_without_labels(tmp_path: Path) -> None:
    lines = [
        "# comment",
        "a.png 3",
        "",
        "my photo 7.jpg",
        "my photo 7.jpg 12",
        "/abs/c.png -1",
        "noextension 4",
        "alone",
    ]
    (tmp_path / "list.txt").write_text("\ufeff" + "\n".join(lines), encoding="utf-8")
    found = open_images(tmp_path / "list.txt")
    assert found.paths == ("a.png", "my photo 7.jpg", "my photo 7.jpg", "/abs/c.png", "noextension", "alone")
    assert found.labels.tolist() == [3, -1, 12, -1, 4, -1]
    assert found.path(0) == tmp_path / "a.png"
    assert found.path(3) == Path("/abs/c.png")
    assert images_in_list(tmp_path / "list.txt", Path("/pictures")).path(0) == Path("/pictures/a.png")


@pytest.mark.parametrize("label", ["cat", "1.5", "-2", "99999999999"])
def test_labels_that_are_no_classes_are_named_with_their_line(label: str, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"a.png 1\nb.png {label}\n")
    with pytest.raises(ImageError, match=rf"list\.txt:2: label '{label}' is no integer"):
        open_images(tmp_path / "list.txt")


def test_places_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"no picture in this folder or the folders in it; allowed are \.bmp"):
        open_images(tmp_path)
    with pytest.raises(ImageError, match="does not exist; give a folder of pictures"):
        open_images(tmp_path / "missing")
    (tmp_path / "empty.txt").write_text("\n# nothing\n")
    with pytest.raises(ImageError, match="lists no picture"):
        open_images(tmp_path / "empty.txt")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ImageError, match="is no image list"):
        open_images(tmp_path / "binary")


def test_a_single_picture(tmp_path: Path) -> None:
    make(tmp_path, "x.png")
    found = open_images(tmp_path / "x.png")
    assert (found.root, found.paths) == (tmp_path, ("x.png",))


def test_the_hash_is_that_of_names_labels_and_order(tmp_path: Path) -> None:
    texts = ["a.png 1\nb.png 2", "a.png 1\nb.png 2\n", "b.png 2\na.png 1", "a.png 1\nb.png 3", "a.png\nb.png"]
    hashes = []
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.txt").write_text(text)
        hashes.append(open_images(tmp_path / f"{number}.txt").hash)
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 4


@given(st.lists(st.text("ab/1290_", min_size=1), min_size=2, max_size=6))
def test_natural_order_is_total(names: list[str]) -> None:
    ordered = sorted(names, key=natural_key)
    backwards = names[::-1]
    assert ordered == sorted(backwards, key=natural_key)
    assert sorted(["x10", "x9", "x010", "x1"], key=natural_key) == ["x1", "x9", "x010", "x10"]
