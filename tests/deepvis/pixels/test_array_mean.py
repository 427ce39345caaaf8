"""Mean and deviation of arrays, cut as the preprocessing cuts them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepvis.errors import ImageError
from deepvis.pixels.array_mean import array_mean
from deepvis.sources import Images, open_images
from prototxt.common.progress import with_bar
from prototxt.pixels.inputs import input_blob
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.samples import Planes


@pytest.fixture
def arrays(tmp_path: Path) -> Images:
    random = np.random.default_rng(3)
    for number in range(5):
        np.save(tmp_path / f"{number}.npy", random.normal(size=(4, 20, 24)).astype(np.float32))
    return open_images(tmp_path)


@pytest.mark.parametrize("interpolation", ["bilinear", "area"])
def test_they_are_those_of_what_the_net_is_given(arrays: Images, interpolation: str) -> None:
    cut = Preprocessing("STORED", resize="stretch", resize_to=(7, 9), interpolation=interpolation, crop=(5, 5))
    samples = [arrays.read(number) for number in range(5)]
    blobs = np.stack([input_blob(sample, cut) for sample in samples]).astype(np.float64)
    found = with_bar(array_mean(arrays, cut, workers=0), quiet=True)
    mean, std = found.mean_and_std()
    assert (found.images, found.values) == (5, 5 * 25)
    np.testing.assert_allclose(mean, blobs.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(std, blobs.std((0, 2, 3)), rtol=1e-12)


def test_one_kind_of_arrays_only(arrays: Images, tmp_path: Path) -> None:
    np.save(tmp_path / "9.npy", np.zeros((3, 20, 24), np.float32))
    with pytest.raises(ImageError, match="an array of 3 channels among others of 4"):
        with_bar(array_mean(open_images(tmp_path), Preprocessing("STORED"), workers=0), quiet=True)
    assert isinstance(arrays.read(0), Planes)
