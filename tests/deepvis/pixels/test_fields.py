"""Editing a preprocessing field by field, and filling in what pictures say."""

import re

import numpy as np
import pytest

from deepvis.errors import ImageError
from deepvis.pixels.fields import FIELDS, edited, orders_of
from deepvis.pixels.statistics import measured
from prototxt.common.errors import InputError
from prototxt.common.progress import with_bar
from prototxt.formats.blob import write_blob
from prototxt.pixels.preprocess import Preprocessing


@pytest.mark.parametrize(
    ("field", "text", "changes"),
    [
        ("channel_order", "RGB", {"channel_order": "RGB"}),
        ("raw_scale", "1/255", {"raw_scale": 1 / 255}),
        ("raw_scale", " 0.5 ", {"raw_scale": 0.5}),
        ("mean", "1, 2,3.5", {"mean": (1, 2, 3.5)}),
        ("mean", "127.5", {"mean": (127.5,) * 3}),
        ("mean", "none", {"mean": ()}),
        ("std", "4,5,6", {"std": (4, 5, 6)}),
        ("std", "", {"std": ()}),
        ("resize", "12", {"resize": "shorter side", "resize_to": (12,)}),
        ("resize", "10, 12", {"resize": "stretch", "resize_to": (10, 12)}),
        ("resize", "none", {"resize": "none", "resize_to": ()}),
        ("interpolation", "area", {"interpolation": "area"}),
        ("crop", "9, 11", {"crop": (9, 11)}),
    ],
)
def test_a_field_changes_what_it_says(make_model, field, text, changes):
    model = make_model()
    own = {"channel_order": "BGR", "crop": (9, 11), "mean": (3.0, 3.0, 3.0)}
    changed = edited(model, field, text)
    assert changed == Preprocessing(**(own | changes))
    shown = FIELDS[field].show(changed)
    assert edited(model.prepared_by(changed), field, shown) == changed


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("raw_scale", "1/0", "raw scale 1/0: must be a number such as 1, or a fraction such as 1/255"),
        ("raw_scale", "-1", "raw_scale must be above 0; got -1.0"),
        ("raw_scale", "nan", "finite"),
        ("mean", "1,2", "mean must have 3 numbers for BGR (or none)"),
        ("mean", "a", "mean a: must be numbers with commas between, one per channel"),
        ("mean", "/no/such.npy", "/no/such.npy: cannot be read"),
        ("std", "1,0,1", "number 2 of std must be above 0; got 0.0"),
        ("resize", "1,2,3", "resize 1,2,3: must be 1 or 2 positive integers"),
        ("resize", "5", "crop [9, 11] does not fit pictures resized (shorter side) to [5]"),
        ("crop", "9", "crop 9: must be 2 positive integers"),
        ("crop", "8, 11", "pictures become 8 x 11, the net takes 9 x 11 (height x width)"),
        ("channel_order", "GRAY", "channel order GRAY makes 1 channels, the net takes 3"),
    ],
)
def test_what_is_wrong_is_a_sentence(make_model, field, text, message):
    with pytest.raises(InputError, match=re.escape(message)):
        edited(make_model(), field, text)


def test_a_mean_image_is_read_in_the_scale_of_the_preprocessing(make_model, tmp_path):
    image = np.arange(3 * 10 * 12, dtype=np.float32).reshape(3, 10, 12)
    np.save(tmp_path / "mean.npy", image)
    write_blob(tmp_path / "mean.binaryproto", image[None])
    model = make_model().with_preprocessing(raw_scale=0.5)
    for name in ("mean.npy", "mean.binaryproto"):
        changed = edited(model, "mean", str(tmp_path / name))
        np.testing.assert_array_equal(changed.mean_image, image / 2)
        assert changed.mean == ()
        assert FIELDS["mean"].show(changed) == "image 3 x 10 x 12"
        assert edited(model.prepared_by(changed), "mean", "image 3 x 10 x 12") == changed
    np.save(tmp_path / "small.npy", image[:, :5])
    with pytest.raises(InputError, match="the mean image is 5 x 12, smaller than the input 9 x 11"):
        edited(model, "mean", str(tmp_path / "small.npy"))
    np.save(tmp_path / "numbers.npy", np.float32([2, 4, 6]))
    assert edited(model, "mean", str(tmp_path / "numbers.npy")).mean == (1, 2, 3)


def test_orders_that_fit_the_input(make_model):
    assert orders_of(make_model()) == ("RGB", "BGR", "STORED")
    assert orders_of(make_model("GRAY")) == ("GRAY", "STORED")


@pytest.mark.parametrize("order", ["RGB", "BGR", "GRAY"])
def test_mean_and_deviation_come_in_the_models_order_and_scale(make_model, make_pictures, order):
    model, pictures = make_model(order), make_pictures(5)
    own = model.with_preprocessing(raw_scale=1 / 255).preprocessing
    found = with_bar(measured(own, pictures, workers=0), quiet=True)
    assert (found.images, found.errors) == (5, ())
    plain = Preprocessing(order, 1 / 255, crop=own.crop)
    blobs = np.stack([plain.apply(pictures.read(index)) for index in range(5)]).astype(np.float64)
    np.testing.assert_allclose(found.preprocessing.mean, blobs.mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(found.preprocessing.std, blobs.std((0, 2, 3)), rtol=1e-6)
    normal = np.stack([found.preprocessing.apply(pictures.read(index)) for index in range(5)])
    assert abs(normal.mean()) < 1e-5
    assert found.preprocessing.crop == own.crop


def test_equal_pixels_have_no_deviation(make_model, make_pictures):
    pictures = make_pictures(2)
    import cv2

    for index in range(2):
        cv2.imwrite(str(pictures.path(index)), np.full((9, 11, 3), 7, np.uint8))
    with pytest.raises(ImageError, match="have no standard deviation"):
        with_bar(measured(make_model().preprocessing, pictures, workers=0), quiet=True)
