"""LeNet on handwritten digits from an LMDB, as Caffe's own example has them."""

from __future__ import annotations

import gzip
from pathlib import Path

import lmdb
import numpy as np
import pytest

from deepvis.model.model import open_model
from deepvis.scan.reader import Scan
from deepvis.scan.run import scan
from deepvis.sources import open_images
from prototxt.common.progress import with_bar
from prototxt.formats.schema import Datum

IMAGES = 2000


@pytest.fixture
def digits(data_folder: Path, tmp_path: Path) -> Path:
    """The first test digits of MNIST, written as examples/mnist/convert_mnist_data.cpp does."""
    folder = data_folder / "mnist"
    pixels, labels = (
        np.frombuffer(gzip.decompress((folder / f"t10k-{name}.gz").read_bytes()), np.uint8)
        for name in ("images-idx3-ubyte", "labels-idx1-ubyte")
    )
    with lmdb.open(str(tmp_path / "mnist_lmdb"), map_size=1 << 26) as environment, environment.begin(write=True) as wr:
        for number, (image, label) in enumerate(zip(pixels[16:].reshape(-1, 784)[:IMAGES], labels[8:], strict=False)):
            datum = Datum(channels=1, height=28, width=28, data=image.tobytes(), label=int(label))
            wr.put(f"{number:08}".encode(), datum.SerializeToString())
    return tmp_path / "mnist_lmdb"


@pytest.mark.data
def test_lenet_reads_digits_from_an_lmdb(digits: Path, data_folder: Path, tmp_path: Path) -> None:
    model = open_model(data_folder / "models/lenet/lenet_deploy.prototxt")
    assert model.input_shape == (1, 28, 28)
    with_bar(scan(model, open_images(digits), tmp_path / "scan.h5", device="cpu"), quiet=True)
    with Scan(tmp_path / "scan.h5") as opened:
        right = opened.means("ip2").argmax(1) == opened.labels
        assert len(right) == IMAGES
        assert right.mean() > 0.98  # all 10000: 99.1 %
        assert [opened.top_classes("ip2", digit)[0][0] for digit in range(10)] == list(range(10))
        patch = opened.patch("conv1", 0, 0)
        image, (row, column) = opened.top("conv1", 0).images[0], opened.top("conv1", 0).positions[0]
        digit = open_images(digits).read(int(image))
        np.testing.assert_array_equal(patch, digit[row : row + 5, column : column + 5])
