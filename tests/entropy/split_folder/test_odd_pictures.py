"""Pictures that Caffe decodes otherwise than a scan: transparent, of 16 bits, turned by EXIF, grey of colours."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from deepvis.model.model import open_model
from deepvis.scan.run import scan
from deepvis.sources import open_images
from entropy import Task, measure, plan, write
from entropy.measuring.listed_pictures import read_listed
from entropy.measuring.network_means import PictureBatches, network_means
from entropy.measuring.scan_file import read_means
from entropy.split_folder.pictures import copying_pictures, read_pictures
from prototxt.common.errors import ImageError
from prototxt.common.progress import with_bar
from prototxt.formats.text import read_net, write_message
from prototxt.formats.weights import read_weights
from prototxt.net.build import layer, net
from prototxt.pixels.preprocess import Preprocessing
from torchcaffe.data.image_list import Entry, read_picture
from torchcaffe.network import Network

ORIENTATION = 0x112
ODD = ("transparent.png", "palette.png", "sixteen.png", "turned.jpg")


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A list of odd pictures, of 24 x 18 or, one that stands on its side, 18 x 24 pixels."""
    random = np.random.default_rng(0)
    rgb = random.integers(0, 256, (24, 18, 3), np.uint8)
    alpha = random.integers(0, 256, (24, 18, 1), np.uint8)
    folder = tmp_path / "odd"
    folder.mkdir()
    Image.fromarray(np.dstack([rgb, alpha])).save(folder / "transparent.png")
    Image.fromarray(rgb).quantize(16).save(folder / "palette.png", transparency=3)
    cv2.imwrite(str(folder / "sixteen.png"), random.integers(0, 65536, (24, 18, 3), np.uint16))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    smooth = cv2.resize(random.integers(0, 256, (3, 4, 3), np.uint8), (24, 18), interpolation=cv2.INTER_CUBIC)
    Image.fromarray(smooth).save(folder / "turned.jpg", quality=95, exif=exif)
    (folder / "list.txt").write_text("".join(f"{name} {number % 3}\n" for number, name in enumerate(ODD)))
    return folder / "list.txt"


def test_they_are_odd(odd: Path) -> None:
    """Caffe sees the first three otherwise than the scan, and OpenCV turns the last one as the scan does."""
    images = open_images(odd)
    for number, name in enumerate(ODD):
        by_scan = images.read(number)
        by_caffe = read_picture(Entry(str(odd.with_name(name)), 0, ""))[::-1].transpose(1, 2, 0)
        assert by_scan.shape == (24, 18, 3)
        assert np.array_equal(by_scan, by_caffe) == (name == "turned.jpg")


def test_the_means_are_those_of_a_scan(small, odd: Path, tmp_path: Path) -> None:
    (tmp_path / "pixels.json").write_text(small.preprocessing.to_json())
    model = open_model(small.net, small.weights, tmp_path / "pixels.json")
    for _ in scan(model, open_images(odd), tmp_path / "scan.h5", batch=2, device="cpu", workers=1):
        pass
    network = Network(read_net(small.net), weights=read_weights(small.weights))
    found = network_means(network, PictureBatches(odd, small.preprocessing, batch=2), ["conv1", "fc3"])
    expected = read_means(tmp_path / "scan.h5", ["conv1", "fc3"], True)
    for name in ("conv1", "fc3"):
        np.testing.assert_array_equal(found.means[name], expected.means[name].values())


@pytest.mark.filterwarnings("ignore::entropy.FewImagesWarning")
def test_the_copies_are_what_the_scan_sees(small, odd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = dataclasses.replace(small.preprocessing, resize="shorter side", resize_to=(17,), interpolation="area")
    (tmp_path / "pixels.json").write_text(pixels.to_json())
    made = plan(measure(small.scan, bins=16), 1, share=0.5)
    task = Task(
        images=odd, test_images=odd, head="fc_new", preprocessing=tmp_path / "pixels.json", copy_pictures=True,
        test_batch=len(ODD),
    )  # fmt: skip
    write(made, small.net, small.weights, out=tmp_path / "run", task=task)
    monkeypatch.chdir(tmp_path / "run")
    network = Network(read_net("net_plain.prototxt"), "TEST", weights=read_weights("plain.caffemodel"))
    (blob,) = network.run(keep=["data"]).values()
    images = open_images(odd)
    expected = np.stack([pixels.apply(images.read(number)) for number in range(len(ODD))])
    np.testing.assert_allclose(blob.detach(), expected, atol=1e-5)


READ = """
import sys
import numpy as np
import caffe
net = caffe.Net(sys.argv[1], caffe.TEST)
net.forward()
np.save(sys.argv[2], net.blobs["data"].data)
"""


def by_real_caffe(caffe, files: list[Path], folder: Path, color: bool) -> np.ndarray:
    """What ImageData of real Caffe delivers."""
    (folder / "files.txt").write_text("".join(f"{file} 0\n" for file in files))
    source = {"source": str(folder / "files.txt"), "batch_size": len(files), "is_color": color}
    data = layer("ImageData", "images", (), ["data", "label"], image_data_param=source)
    write_message(folder / "net.prototxt", net("files", [data]))
    result = caffe.run_python(READ, folder / "net.prototxt", folder / "data.npy")
    assert result.returncode == 0, result.stdout
    return np.load(folder / "data.npy")


def by_torchcaffe(files: list[Path], color: bool) -> np.ndarray:
    """What ImageData of torchcaffe delivers."""
    return np.stack([read_picture(Entry(str(file), 0, ""), color=color) for file in files])


@pytest.mark.parametrize("engine", ["torchcaffe", pytest.param("caffe", marks=pytest.mark.caffe)])
@pytest.mark.parametrize("order", ["BGR", "GRAY"])
def test_a_data_layer_gives_the_pixels_of_the_scan(request, odd: Path, tmp_path: Path, order: str, engine: str) -> None:
    pixels, color = Preprocessing(order), order == "BGR"
    with_bar(copying_pictures(read_pictures(odd, None, tmp_path, None), tmp_path, "train", pixels), quiet=True)
    copies = sorted((tmp_path / "pictures").iterdir())
    images = open_images(odd)
    expected = np.stack([pixels.apply(images.read(number)) for number in range(len(ODD))])
    if engine == "torchcaffe":
        found = by_torchcaffe(copies, color)
    else:
        found = by_real_caffe(request.getfixturevalue("real_caffe"), copies, tmp_path, color)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.caffe
@pytest.mark.parametrize("color", [True, False])
def test_where_they_stay_torchcaffe_sees_them_as_real_caffe(real_caffe, odd: Path, tmp_path: Path, color: bool) -> None:
    files = [odd.with_name(name) for name in ODD]
    np.testing.assert_array_equal(by_torchcaffe(files, color), by_real_caffe(real_caffe, files, tmp_path, color))


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"no picture", "is not a picture that OpenCV can read"), (None, "cannot be read")]
)
def test_a_picture_that_is_none_is_named_with_its_line(odd: Path, small, content: bytes | None, sentence: str) -> None:
    file = odd.with_name("sixteen.png")
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ImageError, match=rf"list\.txt:3: .*sixteen\.png: {sentence}"):
        list(PictureBatches(odd, small.preprocessing))
    with pytest.raises(ImageError, match=rf"^list: .*sixteen\.png: {sentence}"):
        read_listed(Entry(str(file), 0, "list"))
