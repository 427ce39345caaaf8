from __future__ import annotations

import numpy as np
import pytest

from prototxt.common.errors import NetError
from prototxt.formats.blob import write_blob
from prototxt.formats.schema import TransformationParameter
from torchcaffe.data.transform import Draw, Transform


def naive(picture, crop, top, left, mirror, mean, scale):
    """``DataTransformer::Transform`` as a loop, float32 as there."""
    channels = picture.shape[0]
    height, width = (crop, crop) if crop else picture.shape[1:]
    out = np.zeros((channels, height, width), np.float32)
    for c in range(channels):
        for h in range(height):
            for w in range(width):
                pixel = np.float32(picture[c, top + h, left + w])
                column = width - 1 - w if mirror else w
                out[c, h, column] = (pixel - np.float32(mean(c, top + h, left + w))) * np.float32(scale)
    return out


@pytest.fixture
def picture():
    return np.random.default_rng(1).integers(0, 256, size=(3, 9, 12), dtype=np.uint8)


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize("mirror", [0, 1])
@pytest.mark.parametrize("crop", [0, 5, 9])
@pytest.mark.parametrize("kind", ["none", "one value", "three values", "image"])
def test_transform_is_caffes_loop(picture, tmp_path, phase, mirror, crop, kind):
    image = np.random.default_rng(2).uniform(0, 255, size=(1, *picture.shape)).astype(np.float32)
    write_blob(tmp_path / "mean.binaryproto", image)
    fields = {
        "none": {},
        "one value": {"mean_value": [100.5]},
        "three values": {"mean_value": [104, 117, 123]},
        "image": {"mean_file": str(tmp_path / "mean.binaryproto")},
    }[kind]
    means = {
        "none": lambda c, h, w: 0,
        "one value": lambda c, h, w: 100.5,
        "three values": lambda c, h, w: (104, 117, 123)[c],
        "image": lambda c, h, w: image[0, c, h, w],
    }
    param = TransformationParameter(crop_size=crop, mirror=True, scale=0.017, **fields)
    transform = Transform.from_param(param, phase, "layer 'data'")
    draw = Draw(mirror, 1234567, 7654321)
    top, left = 0, 0
    if crop and phase == "TRAIN":
        top, left = draw.row % (9 - crop + 1), draw.column % (12 - crop + 1)
    elif crop:
        top, left = (9 - crop) // 2, (12 - crop) // 2
    found = transform(picture, draw)
    assert found.dtype == np.float32
    assert found.shape == transform.output_shape(picture.shape)
    np.testing.assert_array_equal(found, naive(picture, crop, top, left, mirror, means[kind], 0.017))


def test_random_crops_and_mirrors_reach_every_place():
    transform = Transform(crop_size=3, mirror=True, random_crop=True)
    random = np.random.default_rng(0)
    picture = np.arange(20, dtype=np.float32).reshape(1, 4, 5)
    found = {transform(picture, transform.draw(random)).tobytes() for _ in range(200)}
    assert len(found) == 2 * 3 * 2


def test_without_randomness_nothing_is_drawn():
    before = np.random.default_rng(0)
    random = np.random.default_rng(0)
    assert Transform(crop_size=3).draw(random) == Draw(0, 0, 0)
    assert random.integers(2**31) == before.integers(2**31)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"crop_size": 10}, "crop_size 10 does not fit into a picture of 12×9 pixels"),
        ({"mean_value": [1, 2]}, "2 mean_value for a picture of 3 channels; give one value, or one for every"),
        ({"mean_value": [1], "mean_file": "m"}, "mean_file and mean_value are both set"),
        ({"force_color": True, "force_gray": True}, "force_color and force_gray are both set"),
    ],
)
def test_bad_fields(picture, fields, sentence):
    with pytest.raises(NetError, match=f"layer 'data': .*{sentence}"):
        Transform.from_param(TransformationParameter(**fields), "TEST", "layer 'data'")(picture)


def test_mean_image_of_another_size(picture, tmp_path):
    write_blob(tmp_path / "mean.binaryproto", np.zeros((1, 3, 8, 12), np.float32))
    param = TransformationParameter(mean_file=str(tmp_path / "mean.binaryproto"), crop_size=5)
    with pytest.raises(NetError, match="mean image is 3×8×12 and the picture 3×9×12"):
        Transform.from_param(param, "TEST", "layer 'data'")(picture)
