"""Nets that are reshaped: right at every size, or refused with the reason."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from converters import convert
from converters.example_inputs import example_inputs
from converters.verification import write_files
from prototxt.common.errors import NetError
from prototxt.net.input_size import fixed_input_size
from tests.converters.ops.both_ways import assert_both_ways, assert_both_ways_in_caffe, make_case
from torchcaffe.network import Network

SIZES = ((16, 18), (15, 18), (21, 13))


@pytest.fixture(scope="module")
def model() -> nn.Module:
    """Pools that need no cut at 16 x 16, and nothing that asks for a size."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.AvgPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )


def test_a_net_that_takes_every_size_is_right_at_every_size(model: nn.Module, tmp_path) -> None:
    case = make_case(model, (1, 3, 16, 16))
    assert fixed_input_size(case.conversion.net) is None
    assert_both_ways({str(size): case.at((2, 3, *size)) for size in SIZES}, tmp_path)


@pytest.mark.caffe
def test_in_real_caffe_too(model: nn.Module, tmp_path) -> None:
    case = make_case(model, (1, 3, 16, 16))
    assert_both_ways_in_caffe({str(size): case.at((2, 3, *size)) for size in SIZES}, tmp_path)


@pytest.mark.caffe
def test_a_resnet_at_other_sizes_in_real_caffe(tmp_path) -> None:
    torch.manual_seed(0)
    model = torchvision.models.resnet18(weights=None).eval()
    case = make_case(model, (1, 3, 64, 64))
    assert fixed_input_size(case.conversion.net) is None
    assert_both_ways_in_caffe({str(n): case.at((1, 3, n, n)) for n in (192, 225)}, tmp_path, 1e-3)


def test_fully_connected_layers_keep_the_plain_pools(tmp_path) -> None:
    net = convert(nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3 * 64, 5)), (1, 3, 16, 16)).net
    assert [layer.type for layer in net.layer] == ["Input", "Pooling", "InnerProduct", "Softmax"]
    assert fixed_input_size(net) == "0 counts its windows otherwise in Caffe at other sizes"


def test_torchcaffe_refuses_another_size_with_the_reason(tmp_path) -> None:
    conversion = convert(nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(3)), (1, 3, 16, 16))
    network = Network(conversion.net, weights=conversion.weights)
    network.run({"data": example_inputs((4, 3, 16, 16))[0]})
    with pytest.raises(NetError, match="'data' is 20 x 16, but this net is right for 16 x 16 only: 1 pools to 3 x 3"):
        network.run({"data": np.zeros((1, 3, 20, 16), np.float32)})


@pytest.mark.caffe
def test_stock_caffe_takes_the_mark(tmp_path) -> None:
    case = make_case(nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(3)), (1, 3, 16, 16))
    assert "stage:" in write_files(case.conversion, tmp_path).prototxt.read_text()
    assert_both_ways_in_caffe({"marked": case}, tmp_path)
