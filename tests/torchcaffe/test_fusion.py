"""Layers that run as one give what they give one by one; memory order, and changed weights, make no difference."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import torchcaffe
from prototxt.common.errors import NetError
from prototxt.formats.text import parse_net
from prototxt.net.graph import Value
from tests.golden.layer_cases import CASES
from torchcaffe.network import Network

INPUT = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 6 dim: 9 dim: 8 } } }'
CONV = """layer { name: "conv" type: "Convolution" bottom: "x" top: "c" convolution_param {
  num_output: 8 kernel_size: 3 stride: 2 group: 2 bias_term: false weight_filler { type: "xavier" } } }"""
BN = 'layer { name: "bn" type: "BatchNorm" bottom: "c" top: "c" }'
SCALE = """layer { name: "scale" type: "Scale" bottom: "c" top: "c" scale_param {
  bias_term: true filler { type: "uniform" min: -1 max: 2 } bias_filler { type: "gaussian" } } }"""
BIAS = 'layer { name: "b" type: "Bias" bottom: "c" top: "c" bias_param { filler { type: "gaussian" } } }'
RELU = 'layer { name: "relu" type: "ReLU" bottom: "c" top: "c" }'
LEAKY = 'layer { name: "leaky" type: "ReLU" bottom: "c" top: "c" relu_param { negative_slope: 0.1 } }'
END = 'layer { name: "end" type: "Power" bottom: "c" top: "y" power_param { scale: 2 } }'

CHAINS = {
    "convolution, relu": ((CONV, RELU), 1),
    "convolution, leaky relu": ((CONV, LEAKY), 1),
    "convolution with a bias": ((CONV.replace("bias_term: false", 'bias_filler { type: "gaussian" }'), BN, RELU), 1),
    "convolution, batch norm, scale, relu": ((CONV, BN, SCALE, RELU), 1),
    "convolution, scale": ((CONV, SCALE), 1),
    "convolution, bias, relu": ((CONV, BIAS, RELU), 1),
    "batch norm, scale, relu": (
        (BN.replace('bottom: "c"', 'bottom: "x"'), SCALE, RELU),
        1,
    ),
    "scale over another axis": ((CONV, SCALE.replace("scale_param {", "scale_param { axis: 2"), RELU), 2),
    "statistics of the batch": ((CONV, BN.replace("}", "batch_norm_param { use_global_stats: false } }"), RELU), 2),
    "statistics of the batch, scale": (
        (CONV, BN.replace("}", "batch_norm_param { use_global_stats: false } }"), SCALE, RELU),
        2,
    ),
    "sum, relu": (('layer { name: "sum" type: "Eltwise" bottom: "x" bottom: "x" top: "c" }', RELU), 1),
    "a pass that copies nothing, relu": (('layer { name: "d" type: "Dropout" bottom: "x" top: "c" }', RELU), 2),
    "two readers": (
        (CONV, BN, 'layer { name: "other" type: "Power" bottom: "c" top: "z" }', SCALE.replace('top: "c"', 'top: "e"')),
        3,
    ),
}
"""Layers, and how many steps they are where they run as one (beside Power at the end)."""


def network(*layers: str, phase: str = "TEST") -> Network:
    net = Network(parse_net("\n".join((INPUT, *layers, END))), phase, seed=0)
    if "bn" in net.params:
        mean, variance, divisor = net.params["bn"]
        with torch.no_grad():
            mean.normal_(generator=torch.manual_seed(1))
            variance.uniform_(0.5, 2, generator=torch.manual_seed(2))
            divisor.fill_(1.5)
    return net


def images() -> Tensor:
    return torch.randn(2, 6, 9, 8, generator=torch.manual_seed(3))


def one_by_one(net: Network, x: Tensor) -> dict[Value, Tensor]:
    """All values without fusion, in Caffe's order in memory."""
    values = {net.graph.inputs[0]: x}
    with torch.no_grad():
        for node in net.graph.layers:
            if node.bottoms:
                tops = net.call_layer(node, [values[value].contiguous() for value in node.bottoms])
                values |= dict(zip(node.tops, tops, strict=True))
    return values


@pytest.mark.parametrize("name", CHAINS)
def test_the_same_as_one_by_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layers, steps = CHAINS[name]
    net, x = network(*layers), images()
    before = x.clone()
    with torch.inference_mode():
        found = net.run({"x": x}, fold=True)
    expected = one_by_one(net, x)
    for value, tensor in found.items():
        torch.testing.assert_close(tensor.contiguous(), expected[value], rtol=1e-5, atol=1e-5)
    assert torch.equal(x, before)
    (plan,) = net._plans.values()
    assert len(plan) - 1 == steps


@pytest.mark.parametrize("name", CHAINS)
def test_what_is_wanted_in_between_is_what_it_was(name: str) -> None:
    net, x = network(*CHAINS[name][0]), images()
    with torch.inference_mode():
        found = net.run({"x": x}, keep=net.graph.values, fold=True)
    for value, tensor in one_by_one(net, x).items():
        torch.testing.assert_close(found[value].contiguous(), tensor, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CHAINS)
def test_without_folding_no_bit_depends_on_what_is_wanted(name: str) -> None:
    net, x = network(*CHAINS[name][0]), images()
    with torch.inference_mode():
        alone = net.run({"x": x})
        among_all = net.run({"x": x}, keep=net.graph.values)
    for value, tensor in alone.items():
        assert torch.equal(tensor, among_all[value])


def test_a_value_that_is_given_is_not_written() -> None:
    net = network(CONV, RELU)
    given = torch.randn(2, 8, 4, 3).contiguous(memory_format=torch.channels_last)
    before = given.clone()
    with torch.inference_mode():
        net.run({Value("c", 0): given}, keep=["y"], fold=True)
    assert torch.equal(given, before)


@pytest.mark.parametrize("changed", [("conv", 0), ("bn", 0), ("bn", 1), ("bn", 2), ("scale", 0), ("scale", 1)])
@pytest.mark.parametrize("how", ["in place", "loaded", "replaced", "data", "by an optimizer"])
def test_weights_that_change_count(changed: tuple[str, int], how: str) -> None:
    net, x = network(CONV, BN, SCALE, RELU), images()
    layer, index = changed
    with torch.inference_mode():
        net.run({"x": x}, fold=True)
    blob = net.layer(layer).blobs[index]
    if how == "in place":
        with torch.inference_mode():
            blob.mul_(1.5)
    elif how == "loaded":
        weights = net.weights()
        weights[layer][index] = weights[layer][index] * 1.5
        net.load(weights)
    elif how == "replaced":
        net.layer(layer).blobs[index] = torch.nn.Parameter(blob.detach() * 1.5)
    elif how == "data":
        blob.data = blob.data * 1.5
    else:
        blob.requires_grad_().grad = torch.ones_like(blob)
        torch.optim.SGD([blob], lr=0.5).step()
    with torch.inference_mode():
        found = net.run({"x": x}, fold=True)
    (expected,) = (one_by_one(net, x)[value] for value in net.graph.outputs)
    torch.testing.assert_close(next(iter(found.values())).contiguous(), expected, rtol=1e-5, atol=1e-5)


def test_arrays_of_a_program_count(tmp_path: Path) -> None:
    (tmp_path / "net.prototxt").write_text("\n".join((INPUT, CONV, BN, SCALE, RELU, END)))
    net = torchcaffe.Net(str(tmp_path / "net.prototxt"), torchcaffe.TEST)
    net.params["bn"][2].data[...] = 1
    net.params["bn"][1].data[...] = 1
    array, x = net.params["conv"][0].data, images()
    results = []
    for factor in (1, 2):
        array *= factor
        with torch.inference_mode():
            (found,) = net.network.run({"x": x}, fold=True).values()
        results.append(found)
        (expected,) = (one_by_one(net.network, x)[value] for value in net.network.graph.outputs)
        torch.testing.assert_close(found.contiguous(), expected, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(*results)


def test_a_net_that_is_made_in_inference_mode() -> None:
    with torch.inference_mode():
        net, x = network(CONV, BN, SCALE, RELU), images()
        for factor in (1, 2):
            net.layer("conv").blobs[0].mul_(factor)
            (found,) = net.run({"x": x}, fold=True).values()
            (expected,) = (one_by_one(net, x)[value] for value in net.graph.outputs)
            torch.testing.assert_close(found.contiguous(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("phase", ["TEST", "TRAIN"])
def test_gradients_are_those_of_single_layers(phase: str) -> None:
    layers = (CONV, BN.replace("}", "batch_norm_param { moving_average_fraction: 0.7 } }"), SCALE, BIAS, RELU)
    found, expected = (network(*layers, phase=phase) for _ in range(2))
    for net in (found, expected):
        x = images().requires_grad_()
        keep = None if net is found else net.graph.values
        values = net.run({"x": x}, keep=keep, fold=True)
        (values[net.graph.outputs[0]] * torch.linspace(0, 1, 192).reshape(2, 8, 4, 3)).sum().backward()
        assert x.grad is not None
    assert {len(plan) for plan in found._plans.values()} == {4}
    for layer, blobs in expected.params.items():
        for blob, other in zip(found.params[layer], blobs, strict=True):
            torch.testing.assert_close(blob, other, rtol=1e-5, atol=1e-6)  # the statistics too
            if other.requires_grad:
                torch.testing.assert_close(blob.grad, other.grad, rtol=1e-4, atol=1e-5)


def test_a_gradient_that_is_cut_stays_cut() -> None:
    cut = SCALE.replace("scale_param", "propagate_down: false scale_param")
    net, x = network(CONV, BN, cut, RELU), images().requires_grad_()
    (found,) = net.run({"x": x}, fold=True).values()
    found.sum().backward()
    assert x.grad is None
    assert net.params["scale"][0].grad is not None


def test_functions_in_place_of_layers_run() -> None:
    net, x = network(CONV, RELU), images()
    with torch.inference_mode():
        plain = net.run({"x": x}, keep=["c"], fold=True)
        (found,) = net.run({"x": x}, keep=["c"], fold=True, overrides={"ReLU": lambda layer, top: top + 1}).values()
    assert not torch.allclose(found, next(iter(plain.values())))


def test_a_failing_layer_is_named() -> None:
    net = network(CONV, BN, RELU)
    with pytest.raises(NetError, match="layer 'conv'"), torch.inference_mode():
        net.run({"x": torch.zeros(1, 5, 9, 8)}, fold=True)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.bottoms])
def test_every_layer_takes_maps_with_their_channels_last(name: str) -> None:
    case = CASES[name]
    if case.phase == "TRAIN" and case.type in ("Dropout", "Pooling"):
        pytest.skip("draws numbers")
    results = []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        net = Network(parse_net(case.prototxt()), case.phase, seed=0)
        bottoms = [
            tensor.contiguous(memory_format=memory_format) if tensor.ndim == 4 else tensor
            for tensor in map(torch.from_numpy, case.arrays())
        ]
        node = net.graph.layers[net.graph.node("layer").index]
        with torch.no_grad():
            results.append(net.call_layer(node, bottoms))
    for plain, other in zip(*results, strict=True):
        torch.testing.assert_close(other.contiguous(), plain, rtol=1e-5, atol=1e-5, equal_nan=True)
