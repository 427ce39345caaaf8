from __future__ import annotations

import gc
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from prototxt.common.errors import FormatError, NetError
from prototxt.net.build import layer as make_layer
from tests.torchcaffe.data.read_off import batches, labels
from torchcaffe.data.image_data import ImageData


@pytest.fixture
def pictures(tmp_path) -> Path:
    """Ten 8×6 PNGs whose label is their place; the blue value is the place too."""
    lines = []
    for index in range(10):
        picture = np.random.default_rng(index).integers(0, 256, size=(6, 8, 3), dtype=np.uint8)
        picture[..., 0] = index
        cv2.imwrite(str(tmp_path / f"an image {index}.png"), picture)
        lines.append(f"an image {index}.png {index}\n")
    (tmp_path / "list.txt").write_text("".join(lines) + "\n")
    return tmp_path


def image_data(folder, phase="TRAIN", seed=0, transform=None, **fields) -> ImageData:
    fields = {"source": str(folder / "list.txt"), "root_folder": f"{folder}/", "batch_size": 4, **fields}
    param = make_layer("ImageData", "data", (), ["data", "label"], image_data_param=fields, transform_param=transform)
    return ImageData.from_param(param, (), phase, seed)


def test_pictures_come_in_order_blue_first_and_start_again_inside_a_batch(pictures):
    layer = image_data(pictures)
    assert layer.top_shapes == [(4, 3, 6, 8), (4,)]
    for index, (data, label) in enumerate(batches(layer)):
        places = [(4 * index + i) % 10 for i in range(4)]
        assert label.tolist() == places
        for place, picture in zip(places, data, strict=True):
            file = cv2.imread(str(pictures / f"an image {place}.png"))
            np.testing.assert_array_equal(picture, file.transpose(2, 0, 1))
            assert (picture[0] == place).all()


def test_resize_and_grey_are_opencvs(pictures):
    data, _ = batches(image_data(pictures, new_height=5, new_width=7, is_color=False), 1)[0]
    grey = cv2.imread(str(pictures / "an image 2.png"), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(data[2, 0], cv2.resize(grey, (7, 5), interpolation=cv2.INTER_LINEAR))


def test_shuffle_goes_through_all_in_a_new_order_every_epoch(pictures):
    found = labels(image_data(pictures, shuffle=True, batch_size=5), 4)
    first, second = found[:10], found[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != list(range(10))
    assert first != second


def test_the_seed_makes_order_crops_and_mirrors_repeatable(pictures):
    def run(seed):
        transform = {"crop_size": 4, "mirror": True}
        return batches(image_data(pictures, seed=seed, shuffle=True, rand_skip=5, transform=transform))

    once, again, other = run(7), run(7), run(8)
    for batch, same in zip(once, again, strict=True):
        np.testing.assert_array_equal(batch[0], same[0])
        np.testing.assert_array_equal(batch[1], same[1])
    assert any((batch[0] != different[0]).any() for batch, different in zip(once, other, strict=True))


def test_rand_skip_starts_inside_the_list_once(pictures):
    starts = {labels(image_data(pictures, rand_skip=6, seed=seed), 3)[0] for seed in range(40)}
    assert starts == set(range(6))
    found = labels(image_data(pictures, rand_skip=6, seed=3), 5)
    assert found == [(found[0] + i) % 10 for i in range(20)]


def test_label_is_what_follows_the_last_space_and_zero_without_one(pictures):
    (pictures / "list.txt").write_text("an image 3.png\t 12 \r\n")
    assert labels(image_data(pictures, batch_size=1), 1) == [12]
    (pictures / "3.png").write_bytes((pictures / "an image 3.png").read_bytes())
    (pictures / "list.txt").write_text("3.png\n")
    assert labels(image_data(pictures, batch_size=1), 1) == [0]


def test_an_unreadable_image_is_named_with_its_line_and_the_next_batch_still_comes(pictures):
    (pictures / "an image 5.png").write_bytes(b"no picture")
    layer = image_data(pictures)
    layer()
    with pytest.raises(FormatError, match=r"list\.txt:6: the image .*an image 5\.png is not a picture"):
        layer()
    assert layer()[1].tolist() == [8, 9, 0, 1]


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_pictures_that_say_how_they_are_turned_are_turned_as_by_opencv(pictures, orientation):
    jpeg = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 256, size=(6, 8, 3), dtype=np.uint8))[1].tobytes()
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation]) + bytes(6)
    path = pictures / "turned.jpg"
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:])
    (pictures / "list.txt").write_text("turned.jpg 0\n")
    data, _ = batches(image_data(pictures, batch_size=1), 1)[0]
    expected = cv2.imread(str(path)).transpose(2, 0, 1)
    assert expected.shape == ((3, 8, 6) if orientation == 6 else (3, 6, 8))
    np.testing.assert_array_equal(data[0], expected)


@pytest.mark.parametrize(
    ("text", "fields", "error", "sentence"),
    [
        ("", {}, FormatError, r"list\.txt: the image list is empty"),
        ("an image 0.png zero\n", {}, FormatError, r"list\.txt:1: the label must be a whole number .* got 'zero'"),
        ("gone.png 0\n", {}, FormatError, r"list\.txt:1: the image .*gone\.png does not exist"),
        (None, {"source": "nowhere.txt"}, FormatError, r"nowhere\.txt: the image list cannot be read"),
        (None, {"source": ""}, NetError, "image_data_param has no source"),
        (None, {"batch_size": 0}, NetError, "batch_size must be positive"),
        (None, {"new_height": 5}, NetError, "new_height and new_width must be given together"),
        (None, {"transform": {"crop_size": 7}}, NetError, "crop_size 7 does not fit"),
        ("an image 0.png 0\n", {"rand_skip": 100}, NetError, "rand_skip 100 is larger than the list of 1 images"),
    ],
)
def test_bad_image_data(pictures, text, fields, error, sentence):
    if text is not None:
        (pictures / "list.txt").write_text(text)
    with pytest.raises(error, match=sentence):
        image_data(pictures, seed=1, **fields)


def test_pictures_of_different_size_in_a_batch_are_named(pictures):
    cv2.imwrite(str(pictures / "an image 1.png"), np.zeros((7, 8, 3), np.uint8))
    layer = image_data(pictures)
    with pytest.raises(
        NetError, match=r"an image 0\.png and .*an image 1\.png \(.*list\.txt:2\) are of different size"
    ):
        layer()


def test_threads_start_with_the_first_batch_and_end_with_the_layer(pictures):
    before = set(threading.enumerate())

    def new_threads():
        return set(threading.enumerate()) - before

    layer = image_data(pictures)
    assert not new_threads()
    layer()
    assert new_threads()
    layer.close()
    assert not new_threads()
    layer()
    del layer
    deadline = time.monotonic() + 10
    while new_threads() and time.monotonic() < deadline:
        gc.collect()  # again, because a batch that is being read holds on to the layer
        time.sleep(0.05)
    assert not new_threads()
