"""Finding images: folders, lists, pairs, and what a name means."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepvis.errors import ImageError
from deepvis.sources import open_images
from deepvis.sources.files import natural_key
from deepvis.sources.names import key_name, key_of, place_of, short_name, split_name
from deepvis.sources.opening import images_in_list
from prototxt.pixels.samples import Pair, Planes, size_of

RGB = np.random.default_rng(0).integers(0, 256, (6, 4, 3), dtype=np.uint8)


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(cv2.imencode(".png", RGB[:, :, ::-1])[1].tobytes())


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


def test_classes_beside_a_list_have_its_names(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a.png 0\nb.png 2\n")
    (tmp_path / "bare.txt").write_text("a.png\n")
    assert open_images(tmp_path / "list.txt").classes == ()
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    assert open_images(tmp_path / "list.txt").classes == ()  # not these: there is a third class
    (tmp_path / "classes.txt").write_text("cat\ndog\nbarn owl\n")
    assert open_images(tmp_path / "list.txt").classes == ("cat", "dog", "barn owl")
    assert open_images(tmp_path / "bare.txt").classes == ()


@pytest.mark.parametrize("label", ["cat", "1.5", "-2", "99999999999"])
def test_labels_that_are_no_classes_are_named_with_their_line(label: str, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"a.png 1\nb.png {label}\n")
    with pytest.raises(ImageError, match=rf"list\.txt:2: label '{label}' is no integer"):
        open_images(tmp_path / "list.txt")


def test_places_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(
        ImageError, match=r"no picture in this folder or the folders in it; allowed are pictures \(\.bmp"
    ):
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


def test_a_list_of_pairs(tmp_path: Path) -> None:
    other = 255 - RGB[:3]
    cv2.imwrite(str(tmp_path / "my photo.png"), other[:, :, ::-1])
    make(tmp_path, "deep/a.png")
    (tmp_path / "pairs.txt").write_text("deep/a.png my photo.png 1\nmy photo.png\tdeep/a.png\n# no\n")
    found = open_images(tmp_path / "pairs.txt")
    assert found.paths == ("deep/a.png | my photo.png", "my photo.png | deep/a.png")
    assert found.labels.tolist() == [1, -1]
    assert found.are_pairs
    for index, (first, second) in enumerate([(RGB, other), (other, RGB)]):
        pair = found.read(index)
        assert isinstance(pair, Pair)
        np.testing.assert_array_equal(pair.first, first)
        np.testing.assert_array_equal(pair.second, second)
    assert size_of(found.read(0)) == (6, 4, 3, 4)
    assert short_name(found.paths[0]) == "a.png | my photo.png"
    assert place_of(found.root, found.paths[0]) == f"{tmp_path}/deep/a.png | {tmp_path}/my photo.png"


@pytest.mark.parametrize("lines", [["a.png b.png 1", "a.png 2"], ["a.png b.png"]])
def test_what_only_looks_like_a_pair(lines: list[str], tmp_path: Path) -> None:
    make(tmp_path, "a.png b.png")
    (tmp_path / "list.txt").write_text("\n".join(lines))
    found = open_images(tmp_path / "list.txt")
    assert found.paths[0] == "a.png b.png"
    np.testing.assert_array_equal(found.read(0), RGB)


def test_a_pair_of_which_one_is_missing(tmp_path: Path) -> None:
    make(tmp_path, "a.png")
    (tmp_path / "pairs.txt").write_text("a.png none.png 0")
    with pytest.raises(ImageError, match=r"none\.png: cannot be read"):
        open_images(tmp_path / "pairs.txt").read(0)


def test_arrays(tmp_path: Path) -> None:
    arrays = {"a10.npy": np.arange(24.0).reshape(2, 3, 4), "a9.npy": np.array([1, -2, 3], np.int16)}
    for name, array in arrays.items():
        np.save(tmp_path / name, array)
    found = open_images(tmp_path)
    assert found.paths == ("a9.npy", "a10.npy")
    for index, name in enumerate(found.paths):
        sample = found.read(index)
        assert isinstance(sample, Planes)
        np.testing.assert_array_equal(sample.values, arrays[name])
    assert [size_of(found.read(index)) for index in (0, 1)] == [(1, 1), (3, 4)]
    (tmp_path / "list.txt").write_text("a9.npy 3\na10.npy")
    assert open_images(tmp_path / "list.txt").labels.tolist() == [3, -1]
    make(tmp_path, "x.png")
    assert open_images(tmp_path).paths == (
        "x.png",
    )  # a folder with pictures is one of pictures: mean.npy may lie there


@pytest.mark.parametrize("bad", [b"", b"\x93NUMPY", "object", "empty", "scalar", "complex"])
def test_arrays_that_are_none(bad: bytes | str, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    if isinstance(bad, bytes):
        path.write_bytes(bad)
    else:
        arrays = {
            "object": np.array([{}]),
            "empty": np.zeros((0, 3)),
            "scalar": np.array(1.0),
            "complex": np.ones(2, complex),
        }
        np.save(path, arrays[bad], allow_pickle=True)
    with pytest.raises(ImageError, match=r"x\.npy: "):
        open_images(path).read(0)


@given(st.binary(min_size=1))
def test_keys_come_back_from_names(key: bytes) -> None:
    part = split_name(key_name("a b/train_lmdb", key))
    assert part.file == "a b/train_lmdb"
    assert key_of(part.value) == key


def test_plain_keys_stay_readable() -> None:
    assert key_name("x_lmdb", b"00000012_n0144/a b.JPEG") == "x_lmdb#key=00000012_n0144/a b.JPEG"
