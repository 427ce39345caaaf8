"""Messages of another ``caffe_pb2`` in the same program."""

from __future__ import annotations

import pytest
from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

import torchcaffe as caffe
from prototxt.common.errors import NetError
from prototxt.formats.schema import DESCRIPTOR, NetParameter
from torchcaffe.pycaffe import draw

NET = """
name: "n" layer { name: "d" type: "DummyData" top: "x" top: "y"
  dummy_data_param { shape { dim: 2 dim: 3 } shape { dim: 2 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "ip" inner_product_param { num_output: 2 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "y" top: "loss" }
"""


@pytest.fixture(scope="module")
def other_pb2():
    """Classes of a pool of their own, as another package makes them."""
    file, pool = FileDescriptorProto(), DescriptorPool()
    DESCRIPTOR.CopyToProto(file)
    pool.Add(file)
    names = ("NetParameter", "SolverParameter")
    return {name: GetMessageClass(pool.FindMessageTypeByName(f"caffe.{name}")) for name in names}


@pytest.mark.parametrize("ours", [True, False])
def test_nets_solvers_and_drawings_take_messages(other_pb2, ours):
    kinds = vars(caffe.proto.caffe_pb2) if ours else other_pb2
    net = text_format.Parse(NET, kinds["NetParameter"]())
    assert isinstance(net, NetParameter) == ours
    assert caffe.Net(net, caffe.TEST).outputs == ["loss"]
    assert '"ip_InnerProduct"' in draw.get_dot(net, "LR")
    settings = kinds["SolverParameter"](net_param=net, base_lr=0.1, lr_policy="fixed", max_iter=2)
    solver = caffe.SGDSolver(settings)
    solver.step(2)
    assert solver.iter == 2
    assert net.layer[0].name == "d"  # and is as it was


def test_a_message_of_another_kind(other_pb2):
    with pytest.raises(NetError, match=r"a message caffe\.NetParameter is needed; got caffe\.SolverParameter"):
        caffe.Net(other_pb2["SolverParameter"](), caffe.TEST)
    with pytest.raises(NetError, match=r"the net: layer 'ip' .*unknown bottom blob 'x'"):
        caffe.Net(text_format.Parse(NET.replace('top: "x"', 'top: "z"'), NetParameter()), caffe.TEST)
