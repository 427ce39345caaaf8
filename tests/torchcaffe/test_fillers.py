"""Fillers: distributions, by their moments and limits; the bilinear kernel by its formula and by interpolation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from prototxt.formats.schema import FillerParameter
from torchcaffe.fillers import FILLERS, fill

SHAPE = (40, 30, 5, 5)
FAN_IN, FAN_OUT = 30 * 25, 40 * 25


def filled(shape=SHAPE, seed=0, **fields) -> torch.Tensor:
    tensor = torch.zeros(shape)
    fill(tensor, FillerParameter(**fields), torch.Generator().manual_seed(seed))
    return tensor


def test_constant():
    assert (filled(type="constant", value=2.5) == 2.5).all()
    assert (filled() == 0).all()


def test_uniform():
    tensor = filled(type="uniform", min=-1, max=3)
    assert -1 <= tensor.min() < -0.99
    assert 2.99 < tensor.max() <= 3
    assert tensor.mean().item() == pytest.approx(1, abs=0.03)


def test_gaussian():
    tensor = filled(type="gaussian", mean=2, std=0.5)
    assert tensor.mean().item() == pytest.approx(2, abs=0.01)
    assert tensor.std().item() == pytest.approx(0.5, rel=0.02)


def test_sparse_gaussian_has_so_many_weights_for_every_output_on_average():
    tensor = filled((50, 400), type="gaussian", std=1, sparse=10)
    assert (tensor != 0).float().mean().item() == pytest.approx(10 / 50, rel=0.05)  # Caffe divides by the outputs


def test_positive_unitball():
    tensor = filled(type="positive_unitball")
    assert tensor.min() >= 0
    torch.testing.assert_close(tensor.sum((1, 2, 3)), torch.ones(40))


@pytest.mark.parametrize(("norm", "n"), [("FAN_IN", FAN_IN), ("FAN_OUT", FAN_OUT), ("AVERAGE", (FAN_IN + FAN_OUT) / 2)])
def test_xavier_and_msra(norm, n):
    xavier = filled(type="xavier", variance_norm=norm)
    assert xavier.abs().max().item() == pytest.approx(math.sqrt(3 / n), rel=0.01)
    assert xavier.std().item() == pytest.approx(math.sqrt(1 / n), rel=0.02)
    msra = filled(type="msra", variance_norm=norm)
    assert msra.std().item() == pytest.approx(math.sqrt(2 / n), rel=0.02)


def test_fan_of_a_vector_is_as_in_caffe():
    assert filled((100,), type="xavier").abs().max() <= math.sqrt(3)
    assert filled((100,), type="xavier", variance_norm="FAN_OUT").abs().max() <= math.sqrt(3 / 100)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_bilinear_enlarges_by_interpolation(factor):
    side = 2 * factor - factor % 2
    kernel = filled((1, 1, side, side), type="bilinear")
    ramp = torch.arange(6.0).expand(6, 6)[None, None]
    pad = math.ceil((factor - 1) / 2)
    large = torch.nn.functional.conv_transpose2d(ramp, kernel, stride=factor, padding=pad)[0, 0]
    inside = large[2 * factor : -2 * factor, 2 * factor : -2 * factor]
    np.testing.assert_allclose(np.diff(inside.numpy(), axis=1), 1 / factor, rtol=1e-4)


def test_same_seed_same_numbers():
    for name in FILLERS:
        shape = (4, 3, 4, 4)
        assert torch.equal(filled(shape, 3, type=name), filled(shape, 3, type=name))
    assert not torch.equal(filled(seed=1, type="xavier"), filled(seed=2, type="xavier"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"type": "gausian"}, r"unknown filler type 'gausian' \(did you mean 'gaussian'\?\); use one of bilinear, con"),
        ({"type": "uniform", "min": 2, "max": 1}, "min <= max, got 2 and 1"),
        ({"type": "gaussian", "std": -1}, "std >= 0"),
        ({"type": "xavier", "sparse": 3}, "only gaussian can"),
        ({"type": "bilinear", "shape": (4, 3)}, r"square 2-D kernels, got a blob of shape \(4, 3\)"),
    ],
)
def test_bad_fillers(fields, words):
    with pytest.raises(ValueError, match=words):
        filled(**fields)
