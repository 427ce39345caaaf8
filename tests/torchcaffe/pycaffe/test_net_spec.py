"""Nets written as Python: BVLC's test_net_spec.py, said anew, and more."""

from __future__ import annotations

import pytest

import torchcaffe as caffe
from prototxt.formats.schema import FillerParameter
from torchcaffe.pycaffe.net_spec import layers as L
from torchcaffe.pycaffe.net_spec import params as P
from torchcaffe.pycaffe.net_spec import to_proto


def small(named: bool):
    shapes = [{"dim": [5, 1, 8, 8]}, {"dim": [5]}]
    n = caffe.NetSpec()
    n.data, n.label = L.DummyData(shape=shapes, transform_param={"scale": 1 / 255}, ntop=2)
    n.conv1 = L.Convolution(n.data, kernel_size=3, num_output=4, weight_filler={"type": "xavier"})
    n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2, pool=P.Pooling.MAX)
    n.ip1 = L.InnerProduct(n.pool1, num_output=6)
    n.relu1 = L.ReLU(n.ip1, in_place=True)
    n.loss = L.SoftmaxWithLoss(n.relu1, n.label)
    return n.to_proto() if named else n.loss.to_proto()


@pytest.mark.parametrize("named", [True, False])
def test_a_net_of_named_and_of_anonymous_layers(tmp_path, named):
    net = small(named)
    relu = net.layer[4]
    assert relu.bottom == relu.top
    (tmp_path / "net.prototxt").write_text(str(net))
    made = caffe.Net(tmp_path / "net.prototxt", caffe.TEST)
    expected = ["data", "conv1", "pool1", "ip1", "relu1", "loss"] if named else None
    types = ["DummyData", "Convolution", "Pooling", "InnerProduct", "ReLU", "SoftmaxWithLoss"]
    assert list(made._layer_names) == (expected or [f"{type}1" for type in types])
    assert [layer.type for layer in made.layers] == types
    assert made.forward()["loss" if named else "SoftmaxWithLoss1"] > 0


def test_layers_without_tops():
    n = caffe.NetSpec()
    n.a, n.b = L.DummyData(shape={"dim": 3}, ntop=2)
    n.first = L.Silence(n.a, ntop=0)
    n.second = L.Silence(n.b, ntop=0)
    net = n.to_proto()
    assert [(layer.name, list(layer.bottom), list(layer.top)) for layer in net.layer[1:]] == [
        ("first", ["a"], []),
        ("second", ["b"], []),
    ]


def test_a_bottom_must_be_one_top():
    data = L.DummyData(ntop=2)
    with pytest.raises(TypeError, match=r"^Silence input 0 is not a Top \(type is <class 'tuple'>\)$"):
        L.Silence(data, ntop=0)
    L.Silence(*data, ntop=0)


def test_names_by_attribute_and_by_key():
    n = caffe.NetSpec()
    n["data"] = L.Input(shape={"dim": [1, 2]})
    n.x = L.ReLU(n["data"])
    assert n["x"] is n.x
    assert hasattr(n, "x")
    assert not hasattr(n, "y")
    with pytest.raises(AttributeError, match="no top 'y'; it has data, x"):
        _ = n.y
    del n["x"]
    assert [layer.name for layer in n.to_proto().layer] == ["data"]


def test_fields_of_the_layer_and_of_its_message():
    top = L.Convolution(
        L.Input(),
        num_output=2,
        kernel_size=[3, 5],
        weight_filler=FillerParameter(type="gaussian", std=0.5),
        param=[{"lr_mult": 0}],
        phase=caffe.TRAIN,
        include=({"phase": caffe.TRAIN}, {"stage": ["a", "b"]}),
    )
    layer = top.to_proto().layer[-1]
    assert list(layer.convolution_param.kernel_size) == [3, 5]
    assert layer.convolution_param.weight_filler.std == 0.5
    assert (layer.param[0].lr_mult, layer.phase) == (0, caffe.TRAIN)
    assert list(layer.include[1].stage) == ["a", "b"]


def test_a_field_that_there_is_not():
    with pytest.raises(AttributeError, match=r"Pooling: unknown field 'kernal_size' \(did you mean 'kernel_size'"):
        L.Pooling(L.Input(), kernal_size=2).to_proto()
    with pytest.raises(AttributeError, match="no message PolingParameter"):
        _ = P.Poling


def test_layers_of_forks_and_of_any_depth():
    top = L.Input(shape={"dim": [1, 4, 2, 2]})
    for _ in range(3000):  # deeper than Python may recurse
        top = L.ReLU(top)
    net = L.Permute(top, order=[0, 2, 3, 1]).to_proto()
    assert list(net.layer[-1].permute_param.order) == [0, 2, 3, 1]
    assert len(net.layer) == 3002


def test_several_tops_share_what_they_need():
    a, b = L.DummyData(shape=[{"dim": [2]}, {"dim": [2]}], ntop=2)
    net = to_proto(L.ReLU(a), L.TanH(b), L.ReLU(b))
    assert [layer.name for layer in net.layer] == ["DummyData1", "ReLU1", "TanH1", "ReLU2"]
    assert list(net.layer[0].top) == ["DummyData1", "DummyData2"]
