"""Pixels → blob → pixels; boxes; JSON; the same preprocessing inside a training net."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prototxt.formats.text import write_message
from prototxt.net.build import layer, net
from prototxt.pixels.field_types import PreprocessingError
from prototxt.pixels.preprocess import CAFFE_IMAGENET_MEAN, Preprocessing
from prototxt.pixels.training_input import training_input

TORCH = Preprocessing.from_pytorch((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), (1, 3, 224, 224))
CAFFE = Preprocessing.caffe_imagenet()


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_from_pytorch_is_torchvisions_arithmetic():
    assert TORCH.resize_to == (256,)
    assert Preprocessing.from_pytorch((0,) * 3, (1,) * 3, (1, 3, 299, 299)).resize_to == (342,)
    each = Preprocessing.from_pytorch((0.5,) * 3, (0.25,) * 3, (1, 3, 224, 224))
    assert Preprocessing.from_pytorch((0.5,), (0.25,), (1, 3, 224, 224)) == each  # one number for all
    rgb = picture(256, 300)  # resizing changes nothing
    blob = TORCH.apply(rgb)
    crop = rgb[16:240, 38:262].astype(np.float64) / 255
    expected = ((crop - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).transpose(2, 0, 1)
    assert blob.shape == (3, 224, 224)
    assert blob.dtype == np.float32
    np.testing.assert_allclose(blob, expected, atol=2e-6)


def test_caffe_imagenet_is_bgr_minus_mean():
    rgb = picture(300, 280)
    stretched = cv2.resize(rgb[:, :, ::-1], (256, 256), interpolation=cv2.INTER_LINEAR)[14:241, 14:241]
    expected = stretched.astype(np.float64).transpose(2, 0, 1) - np.array(CAFFE_IMAGENET_MEAN)[:, None, None]
    np.testing.assert_allclose(CAFFE.apply(rgb), expected, atol=1e-4)


def test_mean_image_is_cut_from_its_centre():
    mean = np.random.default_rng(1).uniform(0, 255, (3, 256, 256)).astype(np.float32)
    with_image = dataclasses.replace(CAFFE, mean=(), mean_image=mean)
    rgb = picture(256, 256)
    bgr = rgb[:, :, ::-1].transpose(2, 0, 1).astype(np.float32)
    np.testing.assert_array_equal(with_image.apply(rgb), (bgr - mean)[:, 14:241, 14:241])
    assert Preprocessing.from_json(with_image.to_json()) == with_image
    changed = mean.copy()
    changed[0, 0, 0] += 1
    assert dataclasses.replace(with_image, mean_image=changed).hash != with_image.hash
    with pytest.raises(PreprocessingError, match="smaller than the input"):
        dataclasses.replace(with_image, mean_image=mean[:, :200, :200]).apply(rgb)


@pytest.mark.parametrize("order", ["RGB", "BGR", "GRAY"])
def test_undo_gives_the_pixels_back(order):
    channels = 1 if order == "GRAY" else 3
    object_ = Preprocessing(
        channel_order=order, raw_scale=1 / 255, mean=(0.4,) * channels, std=(0.2, 0.3, 0.4)[:channels]
    )
    rgb = picture(20, 31)
    expected = np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[:, :, None], 3, 2) if order == "GRAY" else rgb
    blob = object_.apply(rgb)
    assert blob.flags.c_contiguous
    np.testing.assert_array_equal(object_.undo(blob), expected)
    np.testing.assert_array_equal(object_.apply(rgb), blob)


def test_shorter_side_keeps_the_shape():
    assert TORCH.resized_size((500, 333)) == (384, 256)
    assert TORCH.resized_size((333, 500)) == (256, 384)
    assert TORCH.apply(picture(500, 333)).shape == (3, 224, 224)
    assert TORCH.input_size((500, 333)) == (224, 224)


sizes = st.integers(8, 60)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(sizes, sizes, st.sampled_from(["none", "shorter side", "stretch"]), st.data())
def test_boxes_cover_exactly_the_pixels_that_are_shown(height, width, rule, data):
    to = {"none": (), "shorter side": (24,), "stretch": (24, 30)}[rule]
    crop = (8, 8) if data.draw(st.booleans()) else ()
    object_ = Preprocessing(resize=rule, resize_to=to, crop=crop)
    resized = object_.resized_size((height, width))
    shape = object_.input_size((height, width))
    y0, x0 = (data.draw(st.integers(-3, size - 1)) for size in shape)
    y1, x1 = data.draw(st.integers(max(y0, 0) + 1, shape[0] + 3)), data.draw(st.integers(max(x0, 0) + 1, shape[1] + 3))
    box = object_.box_in_picture((y0, x0, y1, x1), (height, width))
    for axis, (start, end) in enumerate(((y0, y1), (x0, x1))):
        offset = (resized[axis] - shape[axis]) // 2
        length, scale = (height, width)[axis], resized[axis]
        # A picture's pixel p covers [p, p+1) * scale / length of the resized one: compare by whole numbers.
        shown = [
            p
            for p in range(length)
            if (p + 1) * scale > (start + offset) * length and p * scale < (end + offset) * length
        ]
        assert (box[axis], box[axis + 2]) == (shown[0], shown[-1] + 1)


def test_whole_blob_is_the_crop():
    assert Preprocessing(crop=(4, 4)).box_in_picture((0, 0, 4, 4), (10, 7)) == (3, 1, 7, 5)
    assert Preprocessing().box_in_picture((-64, 3, 99, 300), (50, 60)) == (0, 3, 50, 60)


def test_hash_is_stable():
    again = Preprocessing.from_json(json.loads(TORCH.to_json()))
    assert again == TORCH
    assert hash(again) == hash(TORCH)
    assert CAFFE.hash == "16f76d0dfbb2d200411c4cb6c3c789744e0794e503835660e4c9174f55eeff0b"
    assert CAFFE != TORCH


IMAGE = np.arange(3 * 4 * 5, dtype=np.float64).reshape(3, 4, 5) / 7
HASHES = [  # as scans and conversions have them that were made before the rules were pydantic's
    (Preprocessing(), "ba113b0dea064bbb732c872d15f7f74e20abb4663ab025cb62c7adf7d46d3399"),
    (TORCH, "ec2d6b71261679abfde0283ca81558c967bcf5c0cf7a86023336d22368a6134d"),
    (
        Preprocessing("GRAY", 1 / 256, resize="stretch", resize_to=(28, 28), crop=(28, 28)),
        "5b6f2fc209f6693888de83ecf16fb681c22b30b6abd8c3ee1736f16345a0b234",
    ),
    (
        Preprocessing("STORED", 2, mean=[1, 2, 3, 4, 5], std=np.float32([1, 2, 3, 4, 0.1])),
        "9c781ef69db953386f93971224d221f7f66fcc4cadb497316c54a3280887d585",
    ),
    (
        Preprocessing("RGB", mean_image=IMAGE, std=(2, 2, 2), interpolation="area"),
        "8f629b3e0e7f8f1102fa33ee879c53e28afed050382788bab5f6b0dd71586eba",
    ),
    (
        Preprocessing("BGR", mean=(1, 2, 3, 4, 5, 6), crop=(np.int64(6), 8), pair="channels"),
        "3f02fa3a7a449f088d3a2484b9f61de65c357da77ad7c9654cdcbaa40679e66d",
    ),
    (
        Preprocessing("BGR", pair="width", resize="shorter side", resize_to=[9]),
        "967d9fb6f7e1f7d82ddddc54b554c0b528171443af77873186fe1500df6517ef",
    ),
]


@pytest.mark.parametrize(("object_", "hash_"), HASHES)
def test_hashes_of_files_that_there_are_stay(object_, hash_):
    assert object_.hash == hash_
    assert Preprocessing.from_json(object_.to_json()).hash == hash_
    assert pickle.loads(pickle.dumps(object_)).hash == hash_


def test_a_mean_image_is_a_copy_that_nobody_writes_to():
    image = IMAGE.astype(np.float32)
    own = Preprocessing(mean_image=image).mean_image
    image[:] = 0
    assert own[-1, -1, -1] == np.float32(59 / 7)
    with pytest.raises(ValueError, match="read-only"):
        own[0] = 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"channel_order": "RBG"}, "channel_order must be one of 'RGB', 'BGR', 'GRAY' or 'STORED'; got 'RBG'"),
        ({"channel_order": None}, "channel_order must be one of 'RGB', 'BGR', 'GRAY' or 'STORED'; got None"),
        ({"resize": "longer side"}, "resize must be one of 'none', 'shorter side' or 'stretch'; got 'longer side'"),
        ({"interpolation": "cubic"}, "interpolation must be one of 'bilinear' or 'area'; got 'cubic'"),
        ({"pair": "two"}, "pair must be one of 'none', 'channels', 'width' or 'inputs'; got 'two'"),
        ({"mean": (1.0,)}, "mean must have 3 numbers for BGR (or none); got [1.0]"),
        ({"mean": 1.0}, "mean must be a list of numbers; got 1.0"),
        ({"mean": (1, "a", 3)}, "number 2 of mean must be a number; got 'a'"),
        ({"mean": (1, 2, float("inf"))}, "number 3 of mean must be a finite number; got inf"),
        ({"std": (1, 0, 1)}, "number 2 of std must be above 0; got 0"),
        ({"raw_scale": float("nan")}, "raw_scale must be a finite number; got nan"),
        ({"raw_scale": -1}, "raw_scale must be above 0; got -1"),
        ({"raw_scale": None}, "raw_scale must be a number; got None"),
        ({"crop": (3,)}, "crop must be (height, width) or empty; got [3]"),
        ({"crop": (3, 0)}, "number 2 of crop must be above 0; got 0"),
        ({"crop": (3, 2.5)}, "number 2 of crop must be a whole number; got 2.5"),
        ({"resize_to": (5,)}, "resize 'stretch' takes 2 numbers above 0 in resize_to; got [5]"),
        ({"crop": (300, 300)}, "crop [300, 300] does not fit pictures resized (stretch) to [256, 256]"),
        ({"mean_image": np.zeros((3, 256, 256))}, "must be (3, height, width) and stand without mean; got shape"),
        ({"mean": (), "mean_image": np.zeros((3, 4))}, "must be (3, height, width) and stand without mean; got shape"),
        ({"mean_image": {"shape": [3]}}, "mean_image must be null or an object of shape and base64 float32"),
    ],
)
def test_contradictions(changes, sentence):
    with pytest.raises(PreprocessingError, match=f"^preprocessing: .*{re.escape(sentence)}"):
        dataclasses.replace(CAFFE, **changes)


def test_a_field_that_there_is_not_is_a_fault_of_the_program():
    with pytest.raises(TypeError, match="a preprocessing has no field 'scale'"):
        Preprocessing(scale=1)


def test_bad_json_and_pictures():
    with pytest.raises(PreprocessingError, match=r"unknown names \['size'\], missing names \['crop'\]"):
        Preprocessing.from_json({("size" if k == "crop" else k): v for k, v in CAFFE.to_dict().items()})
    with pytest.raises(PreprocessingError, match="no JSON"):
        Preprocessing.from_json("{")
    with pytest.raises(PreprocessingError, match="mean must be a list of numbers; got 'many'"):
        Preprocessing.from_json(CAFFE.to_dict() | {"mean": "many"})
    with pytest.raises(PreprocessingError, match="uint8"):
        CAFFE.apply(np.zeros((5, 5, 3), np.float32))
    with pytest.raises(PreprocessingError, match="smaller than the crop"):
        Preprocessing(crop=(9, 9)).apply(picture(8, 10))
    with pytest.raises(PreprocessingError, match="3 or 1"):
        Preprocessing.from_pytorch((), (), (1, 4, 8, 8))


def through_caffe(rgb, entry):
    """What ImageData and the front layer make of a picture, in float64 by Caffe's order of operations."""
    blob = rgb[:, :, ::-1].astype(np.float64).transpose(2, 0, 1)
    blob -= np.array(entry.transform_param.get("mean_value", [0, 0, 0]), np.float32)[:, None, None]
    if entry.mean_image is not None:
        blob = rgb[:, :, ::-1].astype(np.float64).transpose(2, 0, 1) - entry.mean_image
    blob *= entry.transform_param.get("scale", 1)
    return np.einsum("oi,ihw->ohw", entry.front_weights[0][:, :, 0, 0], blob) if entry.front_layer else blob


@pytest.mark.parametrize("order", ["RGB", "BGR"])
@pytest.mark.parametrize("std", [(), (0.5, 0.5, 0.5), (0.229, 0.224, 0.225)])
@pytest.mark.parametrize("mean", [(), (0.485, 0.456, 0.406), "image"])
def test_training_net_sees_the_same(order, std, mean):
    image = np.random.default_rng(2).uniform(0, 1, (3, 12, 9)) if mean == "image" else None
    object_ = Preprocessing(order, 1 / 255, () if mean == "image" else mean, image, std)
    rgb = picture(12, 9)
    entry = training_input(object_, mean_file="mean.binaryproto" if mean == "image" else None)
    np.testing.assert_allclose(through_caffe(rgb, entry), object_.apply(rgb), atol=3e-6)
    assert (entry.front_layer is None) == (order == "BGR" and len(set(std)) < 2)
    if entry.front_layer:
        assert [(spec.lr_mult, spec.decay_mult) for spec in entry.front_layer.param] == [(0, 0)]


FORWARD = """
import sys
import numpy as np
import caffe
net = caffe.Net(sys.argv[1], caffe.TEST)
if "preprocessing" in net.params:
    net.params["preprocessing"][0].data[...] = np.load(sys.argv[2])
net.forward()
np.save(sys.argv[3], net.blobs["data"].data)
"""


@pytest.mark.caffe
@pytest.mark.parametrize(
    ("object_", "reversed_"),
    [
        (CAFFE, False),
        (
            Preprocessing("RGB", 1 / 255, (0.485, 0.456, 0.406), None, (0.229, 0.224, 0.225), "none", (), crop=(9, 9)),
            True,
        ),
        (Preprocessing("BGR", 1 / 255, (0.4, 0.5, 0.6), None, (0.5,) * 3, "stretch", (21, 17)), False),
    ],
)
def test_real_caffe_sees_the_same(real_caffe, tmp_path, object_, reversed_):
    pictures = [picture(20, 20, seed) for seed in range(3)]
    for number, rgb in enumerate(pictures):
        cv2.imwrite(str(tmp_path / f"{number}.png"), rgb[:, :, ::-1])
    (tmp_path / "list.txt").write_text("".join(f"{tmp_path / f'{number}.png'} {number}\n" for number in range(3)))
    entry = training_input(object_)
    assert (entry.front_layer is not None) == reversed_
    data = layer(
        "ImageData",
        "images",
        (),
        ["pixels" if entry.front_layer else "data", "label"],
        transform_param=entry.transform_param,
        image_data_param=entry.image_data_param | {"source": str(tmp_path / "list.txt"), "batch_size": 3},
    )
    write_message(tmp_path / "net.prototxt", net("input", [data, *filter(None, [entry.front_layer])]))
    np.save(tmp_path / "weights.npy", entry.front_weights[0] if entry.front_weights else 0)
    arguments = [tmp_path / name for name in ("net.prototxt", "weights.npy", "data.npy")]
    result = real_caffe.run_python(FORWARD, *arguments)
    assert result.returncode == 0, result.stdout
    # Caffe's own OpenCV is an older one, whose bilinear resize may differ by one grey level.
    level = 0 if object_.resize == "none" else object_.raw_scale / min(object_.std or (1,))
    expected = np.stack([object_.apply(rgb) for rgb in pictures])
    np.testing.assert_allclose(np.load(tmp_path / "data.npy"), expected, atol=1.01 * level + 3e-6, rtol=1e-6)


def test_training_input_says_sizes_and_limits():
    entry = training_input(CAFFE)
    assert entry.transform_param["crop_size"] == 227
    assert entry.image_data_param == {"is_color": True, "new_height": 256, "new_width": 256}
    assert entry.front_layer is None
    assert training_input(TORCH).resize_before == 256
    assert training_input(Preprocessing("GRAY", mean=(9,))).image_data_param == {"is_color": False}
    with pytest.raises(PreprocessingError, match="squares only"):
        training_input(Preprocessing(crop=(4, 5)))
    with pytest.raises(PreprocessingError, match="mean_file"):
        training_input(Preprocessing(mean_image=np.zeros((3, 4, 4))))


def test_one_is_one_whether_written_whole_or_with_a_point():
    assert Preprocessing(raw_scale=1).hash == Preprocessing(raw_scale=1.0).hash
    assert (
        Preprocessing.from_json(Preprocessing().to_json().replace('"raw_scale": 1.0', '"raw_scale": 1'))
        == Preprocessing()
    )
