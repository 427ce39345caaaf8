"""What a change of a preprocessing means, in whatever dialect it was said."""

from __future__ import annotations

import numpy as np
import pytest

from prototxt.pixels.change import OfPixels, change_preprocessing
from prototxt.pixels.field_types import PreprocessingError
from prototxt.pixels.preprocess import Preprocessing

OWN = Preprocessing("BGR", mean=(1, 2, 3), std=(4, 5, 6), resize="stretch", resize_to=(20, 24), crop=(9, 11))


def own_with(**fields: object) -> Preprocessing:
    return Preprocessing(
        **{
            "channel_order": "BGR", "mean": (1, 2, 3), "std": (4, 5, 6), "resize": "stretch", "resize_to": (20, 24),
            "crop": (9, 11), **fields,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, {}),
        ({"mean": 7}, {"mean": (7, 7, 7)}),
        ({"mean": (7.0,)}, {"mean": (7, 7, 7)}),
        ({"mean": (7, 8, 9), "raw_scale": 0.5}, {"mean": (7, 8, 9), "raw_scale": 0.5}),
        ({"mean": ()}, {"mean": ()}),
        ({"mean": OfPixels((2, 4, 6)), "raw_scale": 0.5}, {"mean": (1, 2, 3), "raw_scale": 0.5}),
        ({"mean": OfPixels(np.float32([8]))}, {"mean": (8, 8, 8)}),
        ({"std": 58}, {"std": (58, 58, 58)}),
        ({"std": OfPixels((58,)), "raw_scale": 0.5}, {"std": (29, 29, 29), "raw_scale": 0.5}),
        ({"raw_scale": 0.5}, {"raw_scale": 0.5}),
        ({"channel_order": "RGB"}, {"channel_order": "RGB"}),
        ({"channel_order": "GRAY"}, {"channel_order": "GRAY", "mean": (), "std": ()}),
        ({"channel_order": "GRAY", "std": 2}, {"channel_order": "GRAY", "mean": (), "std": (2,)}),
        ({"channel_order": "STORED"}, {"channel_order": "STORED", "mean": (), "std": ()}),
        ({"channel_order": "STORED", "mean": 2}, {"channel_order": "STORED", "mean": (2,), "std": ()}),
        ({"channel_order": "STORED", "std": range(1, 6)}, {"channel_order": "STORED", "mean": (), "std": range(1, 6)}),
        ({"resize_to": ()}, {"resize": "none", "resize_to": ()}),
        ({"resize_to": (12,)}, {"resize": "shorter side", "resize_to": (12,)}),
        ({"resize_to": (12, 14)}, {"resize_to": (12, 14)}),
        ({"crop": (), "interpolation": "area"}, {"crop": (), "interpolation": "area"}),
        ({"pair": "channels"}, {"pair": "channels"}),
        ({"pair": "channels", "mean": range(6), "std": 2}, {"pair": "channels", "mean": range(6), "std": (2, 2, 2)}),
    ],
)
def test_what_changes(changes, fields):
    assert change_preprocessing(OWN, **changes) == own_with(**fields)


def test_a_mean_image_counts_before_the_raw_scale_and_takes_the_place_of_numbers():
    image = np.random.default_rng(0).uniform(0, 255, (3, 20, 24)).astype(np.float32)
    changed = change_preprocessing(OWN, mean=OfPixels(image), raw_scale=1 / 255)
    assert changed == own_with(mean=(), mean_image=image * np.float32(1 / 255), raw_scale=1 / 255)
    picture = np.random.default_rng(1).integers(0, 256, (20, 24, 3), np.uint8)
    expected = (picture[:, :, ::-1].transpose(2, 0, 1).astype(np.float64) - image) / 255
    blob = expected[:, 5:14, 6:17] / np.array([4, 5, 6])[:, None, None]
    np.testing.assert_allclose(changed.apply(picture), blob, atol=1e-6)
    assert change_preprocessing(changed, mean=(1, 2, 3)) == own_with(raw_scale=1 / 255)
    assert change_preprocessing(changed, raw_scale=1).mean_image.tolist() == changed.mean_image.tolist()
    assert change_preprocessing(changed, channel_order="GRAY").mean_image is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"channel_order": "RBG"}, "channel_order must be one of"),
        ({"mean": (1, 2)}, "mean must have 3 numbers for BGR"),
        ({"std": OfPixels((1, 2))}, "std must have 3 numbers for BGR"),
        ({"std": 0}, "number 1 of std must be above 0; got 0"),
        ({"mean": OfPixels(np.zeros((3, 4)))}, r"mean_image must be \(3, height, width\)"),
        ({"mean": OfPixels(np.zeros((1, 20, 24)))}, r"mean_image must be \(3, height, width\)"),
        ({"resize_to": (1, 2, 3)}, r"resize_to must be \(height, width\), .* or \(\) for none; got \[1, 2, 3\]"),
        ({"resize_to": (8, 11)}, "does not fit pictures resized"),
    ],
)
def test_what_does_not_fit_is_a_sentence(changes, sentence):
    with pytest.raises(PreprocessingError, match=sentence):
        change_preprocessing(OWN, **changes)
