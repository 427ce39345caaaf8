from __future__ import annotations

import pytest
import torch

from prototxt.common.errors import NetError
from prototxt.net.build import layer as make_layer
from torchcaffe.data.dummy_data import DummyData


def dummy_data(tops, seed=0, **fields) -> DummyData:
    return DummyData.from_param(make_layer("DummyData", "dummy", (), tops, dummy_data_param=fields), (), "TRAIN", seed)


def test_constant_fillers_stay_and_others_are_drawn_anew():
    fillers = [{"type": "constant", "value": 3}, {"type": "gaussian", "std": 2}]
    layer = dummy_data(["a", "b"], shape=[{"dim": [2, 3]}, {"dim": [1000]}], data_filler=fillers)
    assert layer.top_shapes == [(2, 3), (1000,)]
    (a, b), (again, other) = layer(), layer()
    assert (a == 3).all()
    assert torch.equal(a, again)
    assert not torch.equal(b, other)
    assert 1.8 < float(b.std()) < 2.2
    same = dummy_data(["a", "b"], shape=[{"dim": [2, 3]}, {"dim": [1000]}], data_filler=fillers)
    assert torch.equal(same()[1], b)


def test_legacy_sizes_and_no_filler():
    layer = dummy_data(["a", "b"], num=[5], channels=[3], height=[2, 4], width=[1])
    assert layer.top_shapes == [(5, 3, 2, 1), (5, 3, 4, 1)]
    assert all((top == 0).all() for top in layer())


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "shape is given 0 times for 3 tops"),
        ({"shape": [{"dim": [1]}] * 2}, "shape is given 2 times for 3 tops; give it once, or once for every top"),
        ({"shape": [{"dim": [1]}], "num": [1]}, "both given; keep shape"),
        ({"num": [1], "channels": [1], "height": [1]}, "width is given 0 times"),
        ({"shape": [{"dim": [1]}], "data_filler": [{}] * 2}, "has 2 data_filler for 3 tops"),
        ({"shape": [{"dim": [1]}], "data_filler": [{"type": "gausian"}]}, "'dummy'.*'gausian'"),
    ],
)
def test_bad_dummy_data(fields, sentence):
    with pytest.raises(NetError, match=sentence):
        dummy_data(["a", "b", "c"], **fields)
