"""Coordinates through nets: BVLC's test_coord_map.py, said anew."""

from __future__ import annotations

import numpy as np
import pytest

import torchcaffe as caffe
from torchcaffe.pycaffe.coord_map import (
    AxisMismatchException,
    CropError,
    compose,
    coord_map_from_to,
    crop,
    inverse,
)
from torchcaffe.pycaffe.net_spec import layers as L


def spec(ks=3, stride=1, pad=0, pool=2, dstride=2, dpad=0):
    n = caffe.NetSpec()
    n.data = L.Input(shape={"dim": [2, 1, 100, 100]})
    n.aux = L.Input(shape={"dim": [2, 1, 20, 20]})
    n.conv = L.Convolution(n.data, num_output=10, kernel_size=ks, stride=stride, pad=pad)
    n.pool = L.Pooling(n.conv, kernel_size=pool, stride=pool, pad=0)
    kernel = [2 * each for each in dstride] if isinstance(dstride, list) else 2 * dstride
    n.deconv = L.Deconvolution(n.pool, num_output=10, kernel_size=kernel, stride=dstride, pad=dpad)
    return n


def map_of(n):
    axis, scale, shift = coord_map_from_to(n.deconv, n.data)
    return axis, scale.tolist(), shift.tolist()


def test_down_and_up_again():
    assert map_of(spec()) == (1, [1], [0])
    assert map_of(spec(pool=4, dstride=4)) == (1, [1], [-1])


@pytest.mark.parametrize("pad", [1, 4, 9])
def test_padding_shifts(pad):
    assert map_of(spec(pad=pad)) == (1, [1], [-pad])
    assert map_of(spec(dpad=pad)) == (1, [1], [pad])
    assert map_of(spec(pad=pad, dpad=pad)) == (1, [1], [0])


def test_activations_and_layers_of_one_pixel_change_nothing():
    n = spec()
    n.relu = L.ReLU(n.deconv)
    n.one = L.Convolution(n.relu, num_output=10, kernel_size=1)
    for top in (n.relu, n.one):
        axis, scale, shift = coord_map_from_to(top, n.data)
        assert (axis, scale.tolist(), shift.tolist()) == map_of(n)


def test_several_bottoms_map_alike():
    n = spec()
    n.a, n.b = L.Convolution(n.data, n.aux, ntop=2, num_output=10, kernel_size=5, stride=2)
    assert coord_map_from_to(n.a, n.data) == coord_map_from_to(n.b, n.aux)


def test_axes_may_differ():
    rows, columns = map_of(spec(ks=3, stride=1, pad=0)), map_of(spec(ks=5, stride=2, pad=10))
    both = map_of(spec(ks=[3, 5], stride=[1, 2], pad=[0, 10]))
    assert both == (1, rows[1] + columns[1], rows[2] + columns[2])


def test_more_than_two_axes():
    n = caffe.NetSpec()
    n.data = L.Input(shape={"dim": [2, 3, 100, 100, 100]})
    n.conv = L.Convolution(n.data, num_output=10, kernel_size=[3, 3, 3], stride=[1, 1, 1], pad=[0, 1, 2])
    n.pool = L.Pooling(n.conv, kernel_size=2, stride=2, pad=0)
    n.deconv = L.Deconvolution(n.pool, num_output=10, kernel_size=4, stride=2, pad=0)
    axis, scale, shift = map_of(n)
    assert (axis, scale) == (1, [1, 1, 1])
    assert np.diff(shift).tolist() == [-1, -1]


def test_a_crop_of_a_crop():
    n = spec()
    _, _, before = map_of(n)
    n.crop = L.Crop(n.deconv, n.data, axis=2, offset=7)
    axis, _, shift = coord_map_from_to(n.crop, n.data)
    assert (axis, shift.tolist()) == (1, [before[0] + 7])


def test_a_crop_layer_lines_blobs_up(tmp_path):
    n = caffe.NetSpec()
    n.data = L.Input(shape={"dim": [1, 1, 20, 20]})
    n.conv = L.Convolution(n.data, num_output=1, kernel_size=3, pad=10)
    n.pool = L.Pooling(n.conv, pooling_param={"kernel_size": 2, "stride": 2})
    n.up = L.Deconvolution(n.pool, convolution_param={"num_output": 1, "kernel_size": 4, "stride": 2})
    n.cropped = crop(n.up, n.data)
    assert n.cropped.fn.params["crop_param"] == {"axis": 2, "offset": [10]}
    (tmp_path / "net.prototxt").write_text(str(n.to_proto()))
    assert caffe.Net(tmp_path / "net.prototxt", caffe.TEST).blobs["cropped"].shape == (1, 1, 20, 20)


def test_what_cannot_be_cropped():
    n = spec()
    n.ip = L.InnerProduct(n.deconv, num_output=10)
    with pytest.raises(RuntimeError, match="Could not compute map between tops"):
        coord_map_from_to(n.ip, n.data)
    for wrong, sentence in (
        (spec(pool=3, dstride=2), "scale mismatch"),
        (spec(dpad=10), "negative offset"),
        (spec(ks=4, pad=2), "noninteger"),
    ):
        with pytest.raises(AssertionError, match=sentence):
            crop(wrong.deconv, wrong.data)
    n = caffe.NetSpec()
    n.data = L.Input()
    n.conv = L.Convolution(n.data, kernel_h=2, kernel_w=3)
    with pytest.raises(CropError, match="legacy"):
        coord_map_from_to(n.conv, n.data)


def test_maps_of_other_axes_do_not_compose():
    with pytest.raises(AxisMismatchException, match="axis 1, the other at 2"):
        compose((1, 1, 0), (2, 1, 0))
    assert compose((1, 2, 3), inverse((1, 2, 3))) == (1, 1, 0)
