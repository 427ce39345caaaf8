"""Random sequential nets: whatever PyTorch accepts of these operations converts, and computes the same."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from converters import convert
from tests.converters.parity import assert_parity, assert_parity_in

Draw = st.DrawFn


def conv(draw: Draw, channels: int) -> nn.Module:
    groups = draw(st.sampled_from([group for group in (1, 2, channels) if channels % group == 0]))
    return nn.Conv2d(
        channels,
        groups * draw(st.integers(1, 3)),
        (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        stride=draw(st.integers(1, 2)),
        padding=(draw(st.integers(0, 2)), draw(st.integers(0, 2))),
        dilation=draw(st.integers(1, 2)),
        groups=groups,
        bias=draw(st.booleans()),
    )


def pool(draw: Draw, channels: int) -> nn.Module:
    kernel = draw(st.integers(1, 4))
    sizes = {"stride": draw(st.integers(1, 4)), "padding": draw(st.integers(0, kernel // 2))}
    ceil_mode = draw(st.booleans())
    if draw(st.booleans()):
        return nn.MaxPool2d(kernel, **sizes, ceil_mode=ceil_mode)
    return nn.AvgPool2d(kernel, **sizes, ceil_mode=ceil_mode, count_include_pad=draw(st.booleans()))


def norm(draw: Draw, channels: int) -> nn.Module:
    layer = nn.BatchNorm2d(channels, affine=draw(st.booleans()))
    layer.running_var.uniform_(0.5, 2)
    layer.running_mean.normal_()
    return layer


def activation(draw: Draw, channels: int) -> nn.Module:
    choices = [nn.ReLU(inplace=True), nn.ReLU6(), nn.LeakyReLU(0.1), nn.ELU(), nn.Sigmoid(), nn.Tanh()]
    return draw(st.sampled_from([*choices, nn.PReLU(channels), nn.Hardtanh(), nn.Dropout(0.4), nn.Identity()]))


def other(draw: Draw, channels: int) -> nn.Module:
    lrn = nn.LocalResponseNorm(draw(st.integers(1, 5)), alpha=0.3, k=draw(st.sampled_from([1.0, 2.0])))
    adaptive = nn.AdaptiveAvgPool2d((draw(st.integers(1, 6)), draw(st.integers(1, 6))))
    pad = nn.ZeroPad2d(tuple(draw(st.integers(0, 2)) for _ in range(4)))
    return draw(st.sampled_from([lrn, adaptive, pad]))


@st.composite
def nets(draw: Draw) -> nn.Sequential:
    """Up to eight layers on a (1, 2, 11, 9) input, then perhaps a classifier; layers that do not fit are left out."""
    torch.manual_seed(draw(st.integers(0, 9)))
    images = torch.zeros(1, 2, 11, 9)
    layers: list[nn.Module] = []
    for make in draw(st.lists(st.sampled_from([conv, conv, pool, norm, activation, activation, other]), max_size=8)):
        layer = make(draw, images.shape[1]).eval()
        try:
            images = layer(images)
        except RuntimeError:
            continue
        layers.append(layer)
    if draw(st.booleans()) or not layers:
        hidden = nn.Linear(images[0].numel(), 7)
        layers += [nn.Flatten(), nn.Dropout(0.5), hidden, nn.ReLU(inplace=True), nn.Linear(7, 3)]
    return nn.Sequential(*layers, nn.Tanh())


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(nets())
def test_a_random_net_computes_the_same_in_torchcaffe(net: nn.Sequential) -> None:
    assert_parity(net, convert(net, (1, 2, 11, 9)))


@pytest.mark.caffe
def test_random_nets_in_real_caffe(tmp_path) -> None:
    """All in one process; the examples are collected first, since starting Caffe takes a second."""
    found: dict[str, nn.Sequential] = {}

    @settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(nets())
    def collect(net: nn.Sequential) -> None:
        found[f"{len(found)}: {net}"] = net

    collect()
    assert_parity_in("caffe", {name: convert(net, (1, 2, 11, 9)) for name, net in found.items()}, tmp_path)
