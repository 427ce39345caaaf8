"""Nets that are reshaped: right at every size, or refused with the reason."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from converters import convert
from converters.example_inputs import example_inputs
from converters.verification import write_files
from prototxt.common.errors import NetError
from prototxt.net.input_size import fixed_input_size
from tests.converters.ops.both_ways import Function, assert_both_ways, assert_both_ways_in_caffe, make_case
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


HIDDEN = {
    "half the size": lambda x: F.interpolate(x, scale_factor=0.5),
    "the size of another map": lambda x: F.interpolate(x[:, :, ::2, ::2], size=x.shape[2:]),
    "axes change places": lambda x: x.permute(0, 3, 2, 1),
    "a sum over rows": lambda x: x.sum(2),
    "a divisor of the size": lambda x: x.std((2, 3)),
    "windows with a divisor": lambda x: F.avg_pool2d(x, 3, 2, ceil_mode=True, divisor_override=5),
    "a product over rows": lambda x: x.prod(2),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_size_that_hides_in_a_layer_is_found(name: str) -> None:
    """At another size the model becomes another net: then this one is refused there."""
    conversion = convert(Function(HIDDEN[name]), (1, 3, 16, 16), softmax=False)
    assert fixed_input_size(conversion.net)
    network = Network(conversion.net, weights=conversion.weights)
    with pytest.raises(NetError, match="this net is right for 16 x 16 only"):
        network.run({"data": np.zeros((1, 3, 17, 19), np.float32)})


FREE: dict[str, Callable[[Tensor], Tensor]] = {
    "a shortcut that halves and grows": lambda x: torch.cat([F.interpolate(F.max_pool2d(x, 2), scale_factor=2), x], 1),
    "every second place": lambda x: x[:, :, ::2, ::2] * 2,
    "a mean and a gate": lambda x: x * x.mean((2, 3), keepdim=True).sigmoid(),
    "flattened means": lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1) * 2,
}


@pytest.mark.parametrize("name", FREE)
def test_no_size_is_found_where_none_hides(name: str, tmp_path) -> None:
    case = make_case(FREE[name], (1, 3, 16, 16))
    assert fixed_input_size(case.conversion.net) is None
    assert_both_ways({name: case.at((2, 3, 20, 14))}, tmp_path)
