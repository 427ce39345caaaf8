"""Joining undoes splitting, and leaves alone what is no split."""

import re

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from prototxt.formats.schema import NetParameter
from prototxt.formats.text import parse_net, to_text
from prototxt.net.graph import NetGraph
from prototxt.net.phases import filter_net
from prototxt.split import fill_param_specs, join_net, join_nets, merge_weights, split_net
from tests.prototxt.split.test_split import CHANNELS, cases, net_of
from tests.prototxt.split.test_split_random import assert_close, image_of, split_case
from torchcaffe.network import Network


def bare(net: NetParameter) -> str:
    """A net's text without rates and names of blobs: those inside a part are lost, and wiring is by numbers."""
    result = NetParameter()
    result.CopyFrom(filter_net(net, "TRAIN"))
    numbers = {str(value): str(number) for number, value in enumerate(NetGraph(result).values)}
    for layer, node in zip(result.layer, NetGraph(result).layers, strict=True):
        layer.bottom[:] = [numbers[str(value)] for value in node.bottoms]
        layer.top[:] = [numbers[str(value)] for value in node.tops]
        for spec in layer.param:
            spec.ClearField("lr_mult")
            spec.ClearField("decay_mult")
        while layer.param and not layer.param[-1].ListFields():
            del layer.param[-1]
    return to_text(result)


def joined(split):
    return join_net(filter_net(split.net, "TRAIN"))


@given(case=cases())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_joining_undoes_splitting(case):
    kind, groups, rates, tail = case
    net = net_of(kind, len(rates), groups, tail)
    split = split_net(net, {"f": rates}, {"f": CHANNELS})
    found = joined(split)
    assert found.layers == split.layers
    assert bare(found.net) == bare(net)
    if split.layers:
        factors = [spec.lr_mult for spec in fill_param_specs(net).layer[1].param]
        for lr_mults, factor in zip(found.lr_mults["f"], factors, strict=True):
            np.testing.assert_allclose(lr_mults, np.array(rates) * factor, rtol=1e-6)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_random_nets_compute_the_same_joined_and_have_the_same_gradients(seed):
    net, weights, split, cut = split_case(seed)
    found = joined(split)
    assert found.layers == split.layers
    assert bare(found.net) == bare(net)
    apart, one = Network(split.net, "TRAIN", weights=cut, seed=3), Network(found.net, "TRAIN", weights=weights, seed=3)
    image, tops, gradients = torch.from_numpy(image_of(net, seed)).double(), [], []
    for network in (apart.double(), one.double()):  # where roundings do not decide who is the largest
        for parameter in network.parameters():
            parameter.requires_grad_()
        outputs = list(network.run({"data": image}, network.graph.outputs).values())
        wanted = [value for value in outputs if value.requires_grad]
        torch.autograd.backward(wanted, [torch.ones_like(value) for value in wanted])
        tops.append([value.detach().numpy() for value in outputs])
        blobs = {layer.name: list(layer.blobs) for layer in network.layers if len(layer.blobs)}
        gradients.append(
            {n: [np.zeros(p.shape) if p.grad is None else p.grad.numpy() for p in of] for n, of in blobs.items()}
        )
    assume(all(np.isfinite(top).all() for top in tops[0]))
    for expected, top in zip(*tops, strict=True):
        assert_close(top, expected)
    for name, blobs in merge_weights(gradients[0], split.layers).items():
        for blob, other in zip(blobs, gradients[1][name], strict=True):
            assert_close(other, blob)


def a_split(tail="bn scale relu", groups=2):
    net = net_of("Convolution", 8, groups, tail)
    return split_net(net, {"f": [0, 1, 0.25, 0.25, 1, 0, 0, 0]}, {"f": CHANNELS})


def edited(split, pattern, replacement, count=1):
    text, found = re.subn(pattern, replacement, to_text(split.net), count=count)
    assert found, to_text(split.net)
    return filter_net(parse_net(text), "TRAIN")


EDITS = {
    "another filler": (r'(name: "f__g1_lr0.*?num_output: \d)', r'\1 weight_filler { type: "xavier" }'),
    "another pad": (r'(name: "f__g1_lr0.*?)pad: 2', r"\1pad: 1 dilation: 1"),
    "another decay": (r'(name: "f__g1_lr0.*?decay_mult: )0', r"\g<1>1"),
    "a loss on a part": (r'(name: "f__g0_lr0")', r"\1 loss_weight: 1"),
    "another reader of a part": (r"$", 'layer { name: "spy" type: "Silence" bottom: "f__g0_lr0" }'),
    "a companion of one part only": (r'layer \{\s*name: "sc__g1\S+.*?\n\}\n', ""),
    "a part without stored statistics": (r'(name: "bn__g1\S+)', r"\1 batch_norm_param { eps: 1e-3 }"),
    "another name": (r'name: "f"(\s*type: "Concat")', r'name: "h"\1'),
    "a phase of its own": (r'(name: "f__g0_lr0")', r"\1 phase: TRAIN"),
}


@pytest.mark.parametrize("name", EDITS)
def test_only_the_exact_pattern_is_joined(name):
    pattern, replacement = EDITS[name]
    split = a_split()
    assert joined(split).layers
    net = edited(split, f"(?s){pattern}", replacement)
    found = join_net(net)
    assert not found.layers
    assert found.net == net


def test_rates_may_be_changed_by_hand():
    found = join_net(edited(a_split("nothing", 1), r"lr_mult: 0\.25", "lr_mult: 3"))
    assert found.lr_mults["f"][0].tolist() == [0, 1, 3, 3, 1, 0, 0, 0]
    assert found.net.layer[1].param[0].lr_mult == 3


def test_nets_that_share_weights_are_joined_alike():
    split = a_split("prelu", 1)
    train = filter_net(split.net, "TRAIN")
    spied = filter_net(edited(split, "$", 'layer { name: "spy" type: "Silence" bottom: "f__g0_lr0" }'), "TEST")
    assert [bool(each.layers) for each in join_nets([train, spied])] == [False, False]
    other = filter_net(net_of("Convolution", 8), "TEST")
    assert [bool(each.layers) for each in join_nets([train, other])] == [True, False]


SIAMESE = """
layer { name: "d" type: "Input" top: "a" top: "b" input_param { shape { dim: 1 dim: 3 } shape { dim: 1 dim: 3 } } }
layer { name: "one" type: "InnerProduct" bottom: "a" top: "one" param { name: "w" } param { name: "v" }
        inner_product_param { num_output: 4 } }
layer { name: "two" type: "InnerProduct" bottom: "b" top: "two" param { name: "w" } param { name: "v" }
        inner_product_param { num_output: 4 } }
layer { name: "sum" type: "Eltwise" bottom: "one" bottom: "two" top: "sum" }
"""


def test_shared_parameters_are_shared_again():
    rates = [0, 1, 0.25, 1]
    split = split_net(parse_net(SIAMESE), {"one": rates, "two": rates})
    found = joined(split)
    assert [layer.layer for layer in found.layers] == ["one", "two"]
    assert [[spec.name for spec in layer.param] for layer in found.net.layer[1:3]] == [["w", "v"]] * 2
    assert len(Network(found.net).learnable) == 2
    # One of the two was changed: if the other were joined alone, they would no longer share anything.
    assert not join_net(edited(split, r'(?s)(name: "two__g0_lr0")', r"\1 loss_weight: 1")).layers


def test_nets_without_splits_stay_as_they_are():
    net = filter_net(net_of("Convolution", 8), "TRAIN")
    found = join_net(net)
    assert (found.net, found.layers, found.lr_mults) == (net, (), {})


def test_hundreds_of_parts_are_one_layer():
    rates = np.random.default_rng(0).permutation(300) / 300
    split = split_net(net_of("Convolution", 300), {"f": rates})
    assert len(split.layers[0].parts) == 300
    found = joined(split)
    assert len(found.net.layer) == 3
    np.testing.assert_allclose(found.lr_mults["f"][1], 2 * rates, rtol=1e-6)
