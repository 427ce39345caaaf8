"""Blobs of pairs, clips and arrays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prototxt.pixels.field_types import PreprocessingError
from prototxt.pixels.inputs import input_blob, member_boxes
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.samples import Clip, Pair, Planes
from prototxt.pixels.training_input import training_input

RANDOM = np.random.default_rng(0)


def picture(height: int, width: int) -> np.ndarray:
    return RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("order", ["RGB", "BGR", "GRAY"])
@pytest.mark.parametrize(("pair", "axis"), [("channels", 0), ("width", 2), ("inputs", None)])
def test_each_of_a_pair_is_prepared_by_itself(order: str, pair: str, axis: int | None) -> None:
    count = 1 if order == "GRAY" else 3
    rule = {"raw_scale": 0.5, "std": (2.0,) * count, "resize": "stretch", "resize_to": (10, 8), "crop": (6, 6)}
    single = Preprocessing(order, mean=tuple(range(count)), **rule)
    first, second = picture(11, 7), picture(5, 20)
    blobs = [single.apply(first), single.apply(second)]
    expected = np.stack(blobs) if axis is None else np.concatenate(blobs, axis)
    found = input_blob(Pair(first, second), Preprocessing(order, mean=tuple(range(count)), pair=pair, **rule))
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32


def test_the_two_may_have_their_own_means_and_deviations() -> None:
    preprocessing = Preprocessing("BGR", mean=(1, 2, 3, 4, 5, 6), std=(1, 1, 1, 2, 2, 2), pair="channels")
    assert preprocessing.channels == 6
    first, second = picture(4, 4), picture(4, 4)
    found = input_blob(Pair(first, second), preprocessing)
    np.testing.assert_array_equal(found[:3], Preprocessing("BGR", mean=(1, 2, 3)).apply(first))
    np.testing.assert_array_equal(found[3:], Preprocessing("BGR", mean=(4, 5, 6), std=(2, 2, 2)).apply(second))
    images = RANDOM.normal(size=(6, 4, 4)).astype(np.float32)
    found = input_blob(Pair(first, second), Preprocessing("BGR", mean_image=images, pair="channels"))
    np.testing.assert_array_equal(found[3:], Preprocessing("BGR", mean_image=images[3:]).apply(second))


def test_clips() -> None:
    frames = np.stack([picture(7, 9) for _ in range(3)])
    preprocessing = Preprocessing("BGR", mean=(1, 2, 3), crop=(5, 5))
    np.testing.assert_array_equal(
        input_blob(Clip(frames), preprocessing), np.stack([preprocessing.apply(frame) for frame in frames])
    )


@pytest.mark.parametrize("shape", [(4,), (4, 9), (4, 6, 7), (4, 3, 6, 7)])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32, np.float64, bool])
def test_arrays_are_scaled_by_channel(shape: tuple[int, ...], kind: type) -> None:
    values = RANDOM.integers(0, 2 if kind is bool else 100, shape).astype(kind)
    mean, std = np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 4, 8])
    wide = (4, *[1] * (len(shape) - 1))
    found = input_blob(Planes(values), Preprocessing("STORED", 0.5, mean=tuple(mean), std=tuple(std)))
    np.testing.assert_array_equal(found, (values * 0.5 - mean.reshape(wide)) / std.reshape(wide))
    assert (found.dtype, found.shape) == (np.float32, shape)


@pytest.mark.parametrize("shape", [(5, 8, 9), (2, 3, 8, 9)])
def test_resizing_of_arrays_works_on_their_last_two_axes(shape: tuple[int, ...]) -> None:
    values = RANDOM.normal(size=shape).astype(np.float32)
    rule = Preprocessing("STORED", resize="stretch", resize_to=(12, 10), crop=(6, 8))
    found = input_blob(Planes(values), rule)
    assert found.shape == (*shape[:-2], 6, 8)
    for place in np.ndindex(shape[:-2]):
        np.testing.assert_array_equal(found[place], cv2.resize(values[place], (10, 12))[3:9, 1:9])
    with pytest.raises(PreprocessingError, match="has no height and width; choose resize none"):
        input_blob(Planes(values[0, 0, 0] if values.ndim > 3 else values[0, 0]), rule)


@pytest.mark.parametrize(
    ("sample", "preprocessing", "sentence"),
    [
        (picture(4, 4), Preprocessing("STORED"), "is a picture, but the channel order STORED"),
        (picture(4, 4), Preprocessing(pair="width"), "the net takes pairs of pictures"),
        (Planes(np.zeros((2, 4, 4))), Preprocessing(pair="inputs"), "the net takes pairs"),
        (Planes(np.zeros((2, 4, 4))), Preprocessing(), "is for 3 channels"),
        (Planes(np.zeros((2, 4))), Preprocessing("STORED", std=(1, 2, 3)), "is for 3 channels"),
        (Pair(picture(4, 4), picture(4, 4)), Preprocessing(), "does not say how pairs enter the net"),
        (Pair(picture(4, 4), picture(5, 4)), Preprocessing(pair="channels"), r"become \(3, 4, 4\) and \(3, 5, 4\)"),
    ],
)
def test_what_does_not_fit(sample: object, preprocessing: Preprocessing, sentence: str) -> None:
    with pytest.raises(PreprocessingError, match=sentence):
        input_blob(sample, preprocessing)


@given(st.integers(-9, 30), st.integers(0, 20))
def test_boxes_of_pictures_side_by_side(left: int, length: int) -> None:
    rule = Preprocessing(crop=(6, 8), pair="width")
    first, second = member_boxes((1, left, 3, left + length), rule, ((9, 9), (9, 9)))
    columns = [
        {x + place * 8 for x in range(box[1], box[3]) if 0 <= x < 8} for place, box in enumerate((first, second))
    ]
    assert columns[0] | columns[1] == {x for x in range(left, left + length) if 0 <= x < 16}
    assert member_boxes((1, left, 3, 9), Preprocessing(pair="channels"), ((9, 9), (9, 9)))[1] == (1, left, 3, 9)


def test_hashes_of_what_there_was_before_pairs_stay() -> None:
    assert Preprocessing.caffe_imagenet().hash == "16f76d0dfbb2d200411c4cb6c3c789744e0794e503835660e4c9174f55eeff0b"
    assert Preprocessing("GRAY", 1 / 256).hash == "979a840b2a4fc5216ae6dd7405660709df46f6f9673c16ad93877235927ea0ef"
    assert "pair" not in Preprocessing().to_dict()


@pytest.mark.parametrize("preprocessing", [Preprocessing("STORED", mean=(1,) * 7), Preprocessing(pair="width")])
def test_json_and_limits_of_what_is_new(preprocessing: Preprocessing) -> None:
    again = Preprocessing.from_json(preprocessing.to_json())
    assert again == preprocessing
    assert again.pair == preprocessing.pair
    assert preprocessing != Preprocessing()
    with pytest.raises(PreprocessingError, match="ImageData delivers single pictures"):
        training_input(preprocessing)
    with pytest.raises(PreprocessingError, match="only the blob of one picture"):
        preprocessing.undo(np.zeros((3, 4, 4)))
    with pytest.raises(PreprocessingError, match="pair must be one of"):
        Preprocessing(pair="both")
