"""The comparison of gradients by itself."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from entropy import CheckError
from entropy.split_folder.gradients import NEGLIGIBLE, TOLERANCE, _compare, _on_batches
from prototxt.formats.text import parse_net


def gradient(seed=0, shape=(8, 3, 3, 3)):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def compare(one, other):
    return _compare("the split net", "the plain net", {"conv": [one]}, {"conv": [other]})


def test_rounding_passes_and_is_told():
    one = gradient()
    assert compare(one, one) == 0
    assert compare(one, one * (1 + TOLERANCE / 2)) == pytest.approx(TOLERANCE / (2 + TOLERANCE), rel=1e-3)


@pytest.mark.parametrize("change", [lambda g: g * 0, lambda g: g * 2, lambda g: -g, lambda g: g + gradient(1)])
def test_another_gradient_is_refused(change):
    with pytest.raises(CheckError, match=r"(gradient of blob 0|filter 0 of blob 0) of layer 'conv'"):
        compare(gradient(), change(gradient()))


def test_one_filter_of_many_without_a_gradient_is_refused():
    one = gradient(shape=(500, 3, 3, 3))
    other = one.copy()
    other[17] = 0
    with pytest.raises(
        CheckError, match="the plain net gets no gradient for filter 17 of blob 0 of layer 'conv', and the split"
    ):
        compare(one, other)
    other[17] = np.nan  # frozen there
    compare(one, other)
    one[17] = other[17] = 0  # dead in both
    compare(one, other)


def test_what_is_only_rounding_beside_other_blobs_is_not_looked_at():
    large, small = gradient(), gradient(1, (8,)) * NEGLIGIBLE / 10
    assert _compare("a", "b", {"conv": [large, small]}, {"conv": [large, -small]}) == 0


def test_data_layers_become_files_and_what_learns_has_rate_one(tmp_path):
    net = parse_net("""layer { name: "d" type: "DummyData" top: "x" top: "y" include { phase: TRAIN } }
      layer { name: "ip" type: "InnerProduct" bottom: "x" top: "ip" param { lr_mult: 20 } param { lr_mult: 0 } }""")
    batches = {"d": {"x": gradient(shape=(4, 2)), "y": gradient(shape=(3,))}}
    x, y, ip = _on_batches(net, batches, tmp_path).layer
    assert [(each.type, list(each.top), each.hdf5_data_param.batch_size) for each in (x, y)] == [
        ("HDF5Data", ["x"], 4),
        ("HDF5Data", ["y"], 3),
    ]
    assert x.include == net.layer[0].include
    assert [spec.lr_mult for spec in ip.param] == [1, 0]
    with h5py.File(Path(x.hdf5_data_param.source).read_text().strip()) as file:
        np.testing.assert_array_equal(file["x"], batches["d"]["x"])
