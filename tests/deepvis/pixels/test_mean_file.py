import numpy as np
import pytest

from deepvis.errors import SettingsError
from deepvis.pixels.mean_file import read_mean
from prototxt.formats.blob import write_blob


@pytest.mark.parametrize("name", ["mean.binaryproto", "mean.npy"])
def test_of_several_images_the_first_as_caffe_takes_it(tmp_path, name):
    images = np.random.default_rng(0).uniform(0, 255, (3, 2, 4, 5)).astype(np.float32)
    path = tmp_path / name
    np.save(path, images) if path.suffix == ".npy" else write_blob(path, images)
    np.testing.assert_array_equal(read_mean(path), images[0])


def test_no_image_at_all(tmp_path):
    np.save(tmp_path / "mean.npy", np.zeros((0, 3, 4, 5)))
    with pytest.raises(SettingsError, match=r"has shape \(0, 3, 4, 5\); a mean must be"):
        read_mean(tmp_path / "mean.npy")
