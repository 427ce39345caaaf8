from __future__ import annotations

import cv2
import numpy as np
import pytest

from prototxt.common.errors import FormatError, InputError, NetError
from prototxt.formats.blob import to_proto, write_blob
from prototxt.formats.schema import TransformationParameter
from prototxt.formats.text import read_net
from torchcaffe.data.transform import Draw, Transform
from torchcaffe.network import Network


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


@pytest.mark.parametrize("shape", [(3,), (9, 12), (1, 1, 3, 9, 12), (0, 3, 9, 12), ()])
def test_a_mean_file_without_an_image(shape, tmp_path):
    path = tmp_path / "mean.binaryproto"
    path.write_bytes(to_proto(np.zeros(shape, np.float32)).SerializeToString())
    with pytest.raises(FormatError, match=r"layer 'data': the mean file .*mean.binaryproto has shape .* no image"):
        Transform.from_param(TransformationParameter(mean_file=str(path)), "TEST", "layer 'data'")


def test_values_are_no_image(picture, tmp_path):
    """One number a channel in a file: Caffe takes an image of the picture's size only."""
    write_blob(tmp_path / "mean.binaryproto", np.zeros((1, 3, 1, 1), np.float32))
    param = TransformationParameter(mean_file=str(tmp_path / "mean.binaryproto"))
    with pytest.raises(NetError, match="mean image is 3×1×1 and the picture 3×9×12"):
        Transform.from_param(param, "TEST", "layer 'data'")(picture)


READ = """
import os, sys, numpy as np, caffe
for name in sys.argv[2:]:
    if not os.fork():
        net = caffe.Net(sys.argv[1] + "/" + name + ".prototxt", caffe.TEST)
        net.forward()
        np.save(sys.argv[1] + "/" + name, net.blobs["data"].data)
        os._exit(0)
    os.wait()
"""


@pytest.mark.caffe
def test_mean_files_as_real_caffe_takes_them(real_caffe, tmp_path, caplog):
    rng = np.random.default_rng(3)
    cv2.imwrite(str(tmp_path / "p.png"), rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    (tmp_path / "list.txt").write_text(f"{tmp_path}/p.png 0\n")
    shapes = {"one": (1, 3, 9, 12), "two": (2, 3, 9, 12), "gray": (1, 1, 9, 12), "small": (1, 3, 5, 5)}
    shapes |= {"values": (1, 3, 1, 1), "flat": (3, 108)}
    for name, shape in shapes.items():
        mean = rng.uniform(0, 255, shape).astype(np.float32)
        (tmp_path / f"{name}.mean").write_bytes(to_proto(mean).SerializeToString())
        (tmp_path / f"{name}.prototxt").write_text(
            f'''layer {{ name: "d" type: "ImageData" top: "data" top: "label"
              transform_param {{ mean_file: "{tmp_path}/{name}.mean" crop_size: 5 }}
              image_data_param {{ source: "{tmp_path}/list.txt" batch_size: 1 }} }}'''
        )
    real_caffe.run_python(READ, tmp_path, *shapes)
    for name in shapes:
        theirs, ours = tmp_path / f"{name}.npy", None
        try:
            network = Network(read_net(tmp_path / f"{name}.prototxt"))
            ours = network.run(keep=["data"])
        except InputError:
            assert not theirs.exists(), name
        if ours is not None:
            np.testing.assert_array_equal(next(iter(ours.values())), np.load(theirs), err_msg=name)
    assert [name for name in shapes if (tmp_path / f"{name}.npy").exists()] == ["one", "two"]
    assert "holds 2 images; the first is subtracted" in caplog.text
