"""The engine: what runs, what is kept, what is said when something does not fit."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch

from prototxt.common.errors import NetError
from prototxt.formats.text import parse_net
from prototxt.net.extension_types import EXTENSION_TYPES
from prototxt.net.graph import Value
from prototxt.net.layer_types import LAYER_TYPES
from torchcaffe.layer import Layer
from torchcaffe.network import Network
from torchcaffe.registry import LAYERS

BRANCHES = """
layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 8 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "x" top: "a"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "relu" type: "ReLU" bottom: "a" top: "a" }
layer { name: "left" type: "Pooling" bottom: "a" top: "l" pooling_param { global_pooling: true } }
layer { name: "right" type: "Power" bottom: "a" top: "r" power_param { scale: 2 } }
layer { name: "relu2" type: "ReLU" bottom: "r" top: "r" }
"""
TRAIN = (
    BRANCHES
    + """
layer { name: "in2" type: "Input" top: "label" input_param { shape { dim: 2 } } }
layer { name: "ip" type: "InnerProduct" bottom: "l" top: "ip"
  inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" loss_weight: 0.5 }
layer { name: "sum" type: "Reduction" bottom: "r" top: "sum" loss_weight: 0.25 }
layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" }
"""
)
X = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype(np.float32)


def network(text: str = BRANCHES, **options) -> Network:
    return Network(parse_net(text), **{"seed": 1, **options})


def spied(net: Network) -> list[str]:
    """Names of the layers that run, as they do."""
    ran: list[str] = []
    for layer in net.layers:
        layer.register_forward_pre_hook(lambda module, bottoms: ran.append(module.name))
    return ran


def test_outputs_by_default():
    net = network()
    found = net.run({"x": X})
    assert list(found) == list(net.graph.outputs) == [Value("l"), Value("r", 1)]


def test_only_what_is_wanted_runs():
    net = network()
    ran = spied(net)
    found = net.run({"x": X}, keep=["l"])
    assert list(found) == [Value("l")]
    assert ran == ["conv", "relu", "left"]


def test_a_name_is_the_last_value_and_versions_can_be_asked_for():
    net = network()
    found = net.run({"x": X}, keep=["a", Value("a", 0)])
    before, after = found[Value("a", 0)], found[Value("a", 1)]
    assert before.min() < 0
    torch.testing.assert_close(after, before.clamp(min=0))


def test_values_in_the_middle_can_be_given():
    net = network()
    ran = spied(net)
    a = torch.randn(5, 4, 6, 6)
    found = net.run({Value("a", 1): a}, keep=["l", "r"])
    assert ran == ["left", "right", "relu2"]
    torch.testing.assert_close(found[Value("l")], a.amax((2, 3), keepdim=True))


def test_a_value_is_let_go_of_after_its_last_reader():
    net = network()
    alive: list[torch.Tensor] = []

    def function(_: Layer, x: torch.Tensor) -> torch.Tensor:
        alive.append(x)
        return x.clone()

    net.run({"x": X}, keep=["r"], overrides={"Convolution": lambda _, x: x.new_ones(2, 4, 6, 6), "ReLU": function})
    reference = weakref.ref(alive.pop(0))
    gc.collect()
    assert reference() is None


def test_overrides_replace_a_type():
    net = network()
    found = net.run(
        {"x": X},
        keep=[Value("a", 0), Value("a", 1)],
        overrides={"ReLU": lambda layer, x: (x * 3 if layer.type == "ReLU" else x,)},
    )
    torch.testing.assert_close(found[Value("a", 1)], found[Value("a", 0)] * 3)


def test_another_batch_and_another_size_than_the_prototxt_says():
    net = network()
    found = net.run({"x": np.zeros((7, 3, 20, 11), np.float32)})
    assert found[Value("r", 1)].shape == (7, 4, 18, 9)


def test_loss_is_weighted():
    net = network(TRAIN, phase="TRAIN")
    values = net.run({"x": X, "label": np.array([0.0, 2.0])})
    expected = 0.5 * values[Value("loss")] + 0.25 * values[Value("sum")]
    torch.testing.assert_close(net.loss(values), expected)
    net.loss(values).backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_a_net_without_loss_has_loss_zero():
    net = network()
    assert net.loss(net.run({"x": X})) == 0


def test_inference_mode():
    net = network()
    with torch.inference_mode():
        assert not any(top.requires_grad for top in net.run({"x": X}).values())


def test_forward_is_a_torch_module():
    net = network()
    left, right = net(torch.from_numpy(X))
    assert left.shape == (2, 4, 1, 1)
    assert right.requires_grad


def test_same_seed_same_weights_whatever_else_is_loaded():
    first, second, third = network(TRAIN), network(TRAIN), network(TRAIN, seed=2)
    torch.testing.assert_close(first.params["ip"][0], second.params["ip"][0], rtol=0, atol=0)
    assert not torch.equal(first.params["ip"][0], third.params["ip"][0])
    partly = network(TRAIN, weights={"conv": first.weights()["conv"]})
    torch.testing.assert_close(partly.params["ip"][0], first.params["ip"][0], rtol=0, atol=0)


def test_weights_go_out_and_in():
    source, target = network(TRAIN), network(TRAIN, seed=2)
    assert target.load(source.weights() | {"elsewhere": [np.zeros(3)]}) == ["elsewhere"]
    torch.testing.assert_close(target.run({"x": X}, ["r"]), source.run({"x": X}, ["r"]))


def test_arrays_may_be_read_only():
    x = X.copy()
    x.flags.writeable = False
    net = network()
    weights = net.weights()
    weights["conv"][1].flags.writeable = False
    net.load(weights)
    assert net.run({"x": x}, ["a"])


def test_a_bias_of_four_axes_fits():
    net = network()
    weights = net.weights()
    weights["conv"][1] = np.arange(4, dtype=np.float32).reshape(1, 1, 1, 4)
    net.load(weights)
    assert net.params["conv"][1].tolist() == [0, 1, 2, 3]


def test_frozen_parameters_and_force_backward():
    text = BRANCHES.replace("convolution_param {", "param { lr_mult: 0 } convolution_param {")
    assert [p.requires_grad for p in network(text).params["conv"]] == [False, True]
    assert [p.requires_grad for p in network("force_backward: true" + text).params["conv"]] == [True, True]


SHARED = """
layer { name: "in" type: "Input" top: "x" top: "y" input_param { shape { dim: 1 dim: 4 } } }
layer { name: "one" type: "InnerProduct" bottom: "x" top: "a" param { name: "w" } param { name: "b" lr_mult: 2 }
  inner_product_param { num_output: 4 weight_filler { type: "gaussian" } } }
layer { name: "two" type: "InnerProduct" bottom: "y" top: "c" param { name: "w" lr_mult: 3 } param { name: "b" }
  inner_product_param { num_output: 4 weight_filler { type: "gaussian" } } }
"""


def test_shared_parameters_are_one():
    net = network(SHARED)
    assert net.params["one"][0] is net.params["two"][0]
    assert [(entry.layer, entry.index, entry.spec.lr_mult) for entry in net.learnable] == [("one", 0, 3), ("one", 1, 2)]
    sum(top.sum() for top in net.run({"x": torch.ones(1, 4), "y": torch.ones(1, 4)}).values()).backward()
    assert (net.params["one"][0].grad == 2).all()


def test_permissive_sharing_keeps_each_layers_shape():
    text = """
    layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 1 dim: 6 } } }
    layer { name: "one" type: "InnerProduct" bottom: "x" top: "a" param { name: "w" }
      inner_product_param { num_output: 2 bias_term: false weight_filler { type: "gaussian" } } }
    layer { name: "two" type: "InnerProduct" bottom: "a" top: "b" param { name: "w" share_mode: PERMISSIVE }
      inner_product_param { num_output: 6 bias_term: false } }
    """
    net = network(text)
    found = net.run({"x": torch.ones(1, 6)}, keep=["b"])[Value("b")]
    weights = net.params["one"][0]
    torch.testing.assert_close(found, torch.ones(1, 6) @ weights.t() @ weights.view(6, 2).t())
    assert [array.shape for array in (net.weights()["one"][0], net.weights()["two"][0])] == [(2, 6), (6, 2)]


def test_shared_parameters_with_different_multipliers_are_refused():
    with pytest.raises(NetError, match=r"'two'.*'b' has lr_mult 1 here and 2"):
        network(SHARED.replace('param { name: "b" }', 'param { name: "b" lr_mult: 1 }'))


def test_missing_input():
    with pytest.raises(NetError, match=r"layer 'in' \(Input\).*blob 'x' is an input of the net and was not given"):
        network().run()


def test_unknown_blob():
    with pytest.raises(NetError, match="no blob 'q'"):
        network().run({"q": X})
    with pytest.raises(NetError, match="written 2 times; there is no version 2"):
        network().run({"x": X}, keep=[Value("a", 2)])


def test_a_layer_that_fails_names_itself_and_the_shapes():
    with pytest.raises(NetError, match=r"layer 'conv' \(Convolution\): cannot run on bottoms of shape \(2, 5, 8, 8\)"):
        network().run({"x": np.zeros((2, 5, 8, 8))})


def test_weights_that_do_not_fit_change_nothing():
    net = network(TRAIN)
    before = net.weights()
    weights = {"conv": before["conv"], "ip": [np.zeros((3, 5)), np.zeros(3)]}
    weights["conv"] = [array + 1 for array in weights["conv"]]
    with pytest.raises(
        NetError, match=r"'ip' \(InnerProduct\): blob 0 has shape \(3, 4\), but the weights have \(3, 5\)"
    ):
        net.load(weights)
    with pytest.raises(NetError, match=r"'ip'.*2 parameter blobs.*have 1"):
        net.load({"ip": [np.zeros((3, 4))]})
    np.testing.assert_array_equal(net.weights()["conv"][0], before["conv"][0])


def test_unknown_types_name_those_that_are_known():
    text = BRANCHES + 'layer { name: "odd" type: "Convolutoin" bottom: "l" bottom: "r" top: "o" }'
    expected = r"layer 'odd': unknown layer type 'Convolutoin' \(did you mean 'Convolution'\?\); use one of AbsVal, Acc"
    with pytest.raises(NetError, match=expected):
        network(text)


def test_every_layer_of_caffe_is_there():
    assert LAYERS.keys() == LAYER_TYPES.keys() | EXTENSION_TYPES.keys()
