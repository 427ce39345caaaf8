"""The pixels that a training net sees are those of the preprocessing."""

import cv2
import numpy as np
import pytest

from entropy.split_folder.data_layers import ImageList, pixel_layers
from prototxt.formats.blob import write_blob
from prototxt.lint import lint_net
from prototxt.net.build import net as make_net
from prototxt.pixels.field_types import PreprocessingError
from prototxt.pixels.preprocess import Preprocessing
from torchcaffe.network import Network

PIXELS = {
    "PyTorch": Preprocessing(
        "RGB", 1 / 255, (0.5, 0.4, 0.3), None, (0.2, 0.25, 0.3), "stretch", (14, 14), crop=(12, 12)
    ),
    "Caffe": Preprocessing(mean=(104, 117, 123), resize="stretch", resize_to=(14, 14), crop=(12, 12)),
    "one deviation": Preprocessing("BGR", 1 / 255, (0.5, 0.5, 0.5), None, (0.5, 0.5, 0.5), crop=(12, 12)),
    "RGB without mean": Preprocessing("RGB", crop=(20, 20)),
    "grey": Preprocessing("GRAY", 1 / 255, (0.45,), None, (0.2,), "shorter side", (16,), crop=(16, 16)),
    "mean image": Preprocessing(
        "RGB",
        mean_image=np.random.default_rng(0).uniform(80, 140, (3, 14, 14)).astype(np.float32),
        std=(2, 3, 4),
        resize="stretch",
        resize_to=(14, 14),
        crop=(12, 12),
    ),
}


@pytest.mark.parametrize("name", PIXELS)
def test_the_input_blob_is_the_preprocessing_of_the_picture(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rgb = np.random.default_rng(1).integers(0, 256, (20, 20, 3), np.uint8)
    cv2.imwrite("a.png", rgb[:, :, ::-1])
    (tmp_path / "list.txt").write_text("a.png 0\n")
    images = ImageList("list.txt", "", 1)
    pixels = pixel_layers(PIXELS[name], "data", images, images, mirror=True)
    if pixels.mean_image is not None:
        write_blob("mean.binaryproto", pixels.mean_image)
    net = make_net("pixels", pixels.layers)
    assert lint_net(net) == []
    blob = Network(net, "TEST", weights=pixels.weights).run(keep=["data"])
    (found,) = blob.values()
    # OpenCV turns a picture grey before Caffe resizes it, after that in the preprocessing: up to two grey levels.
    tolerance = 2.01 / 255 / 0.2 if name == "grey" else 1e-4
    np.testing.assert_allclose(found[0].detach(), PIXELS[name].apply(rgb), rtol=1e-4, atol=tolerance)


def test_the_front_convolution_is_frozen_and_only_there_when_needed():
    images = ImageList("list.txt", "", 1)
    kinds = {
        name: [la.type for la in pixel_layers(p, "data", images, None, False).layers] for name, p in PIXELS.items()
    }
    assert {name for name, types in kinds.items() if "Convolution" in types} == {
        "PyTorch",
        "RGB without mean",
        "mean image",
    }
    front = pixel_layers(PIXELS["PyTorch"], "data", images, None, False).layers[-1]
    assert [(spec.lr_mult, spec.decay_mult) for spec in front.param] == [(0, 0)]


def test_reversed_channels_would_be_noticed(tmp_path, monkeypatch):
    """The same check as above fails when the order of the channels is left out."""
    monkeypatch.chdir(tmp_path)
    rgb = np.random.default_rng(1).integers(0, 256, (20, 20, 3), np.uint8)
    cv2.imwrite("a.png", rgb[:, :, ::-1])
    (tmp_path / "list.txt").write_text("a.png 0\n")
    images = ImageList("list.txt", "", 1)
    pixels = pixel_layers(Preprocessing("BGR", crop=(20, 20)), "data", images, images, mirror=False)
    (found,) = Network(make_net("pixels", pixels.layers), "TEST").run(keep=["data"]).values()
    expected = Preprocessing("RGB", crop=(20, 20)).apply(rgb)
    assert not np.allclose(found[0], expected)
    np.testing.assert_array_equal(found[0].numpy()[::-1], expected)


def test_what_imagedata_cannot_do_is_said():
    images = ImageList("list.txt", "", 1)
    with pytest.raises(PreprocessingError, match="squares only"):
        pixel_layers(Preprocessing(crop=(10, 12)), "data", images, None, True)
    shorter = Preprocessing(resize="shorter side", resize_to=(16,), interpolation="area", crop=(12, 12))
    notes = pixel_layers(shorter, "data", images, None, True).notes
    assert len(notes) == 2
    assert "square pictures only" in notes[0]
