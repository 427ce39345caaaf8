import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.errors import ExperimentError
from finetune.tasks.pixels import blobs, centre, resized, ten_crops
from prototxt.pixels.preprocess import Preprocessing

RULES = {
    "none": Preprocessing("RGB", 1 / 255, (0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4), crop=(20, 20)),
    "stretch": Preprocessing("BGR", 1.0, (104.0, 117.0, 123.0), resize="stretch", resize_to=(30, 32), crop=(27, 27)),
    "shorter side": Preprocessing("RGB", 1 / 255, resize="shorter side", resize_to=(24,), interpolation="area",
                                  crop=(21, 21)),
    "odd crop": Preprocessing("BGR", resize="shorter side", resize_to=(24,), crop=(17, 24)),
    "no crop": Preprocessing("GRAY", 1 / 255, (0.5,), resize="stretch", resize_to=(16, 18)),
    "mean image": Preprocessing("BGR", mean_image=np.arange(3 * 30 * 30).reshape(3, 30, 30) % 7, resize="stretch",
                                resize_to=(30, 30), crop=(27, 27)),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
@given(st.integers(22, 60), st.integers(22, 60), st.integers(0, 2**31))
@settings(max_examples=15, deadline=None)
def test_resized_once_and_cut_later_gives_the_bits_of_the_preprocessing(rule, height, width, seed):
    preprocessing = RULES[rule]
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    images = resized(picture, preprocessing)[None]
    if rule == "shorter side":
        assert images.shape == (1, 24, 24, 3)
    assert blobs(images, preprocessing)[0].tobytes() == preprocessing.apply(picture).tobytes()


def test_crops_and_mirrors_are_those_asked_for():
    preprocessing = Preprocessing("RGB", crop=(4, 4))
    images = np.arange(2 * 6 * 7 * 3).reshape(2, 6, 7, 3).astype(np.uint8)
    made = blobs(images, preprocessing, np.array([[0, 3], [2, 1]]), np.array([False, True]))
    assert np.array_equal(made[0], images[0, 0:4, 3:7].transpose(2, 0, 1))
    assert np.array_equal(made[1], images[1, 2:6, 1:5, :][:, ::-1].transpose(2, 0, 1))


def test_a_mean_image_is_taken_from_where_the_crop_lies():
    mean = np.random.default_rng(0).normal(size=(3, 6, 6)).astype(np.float32)
    images = np.zeros((1, 6, 6, 3), np.uint8)
    made = blobs(images, Preprocessing("BGR", mean_image=mean, crop=(4, 4)), np.array([[2, 1]]))
    assert np.array_equal(made[0], -mean[:, 2:6, 1:5])


def test_ten_crops_are_corners_and_centre_with_their_mirror_images():
    images = np.zeros((1, 10, 12, 3), np.uint8)
    crops = ten_crops(images, Preprocessing(crop=(7, 7)))
    assert len(crops) == len(set(crops)) == 10
    assert {place for place, _ in crops} == {(0, 0), (0, 5), (3, 0), (3, 5), (1, 2)}
    assert centre(images, Preprocessing(crop=(7, 7))) == (1, 2)


def test_images_smaller_than_the_crop_are_refused():
    with pytest.raises(ExperimentError, match="images of 5x6 pixels are smaller than the crop 7x7"):
        blobs(np.zeros((1, 5, 6, 3), np.uint8), Preprocessing(crop=(7, 7)))
