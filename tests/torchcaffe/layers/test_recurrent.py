"""RNN and LSTM beyond one batch: what they carry on, forget and share. The goldens have their numbers."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from prototxt.formats.schema import LayerParameter
from prototxt.formats.text import parse_message, parse_net
from torchcaffe.layers.recurrent import LSTM, RNN, Recurrent
from torchcaffe.network import Network
from torchcaffe.pycaffe.net import Net

X, CONT = (3, 2, 4), (3, 2)
NET = """
force_backward: true
layer {{ name: "x" type: "Input" top: "x" top: "cont"
  input_param {{ shape {{ dim: 3 dim: 2 dim: 4 }} shape {{ dim: 3 dim: 2 }} }} }}
layer {{ name: "it" type: "{type}" bottom: "x" bottom: "cont" top: "y"
  recurrent_param {{ num_output: 5 weight_filler {{ type: "uniform" min: -1 max: 1 }} }} }}
"""
OTHER_BATCHES = """
import sys
import caffe
import numpy as np

net = caffe.Net("net.prototxt", "first.caffemodel", caffe.TEST)
batches = np.load("batches.npz")
tops = {}
for name in sorted(batches.files):
    net.blobs["x"].reshape(*batches[name].shape)
    net.blobs["cont"].reshape(*batches[name].shape[:2])
    net.reshape()
    net.blobs["x"].data[...] = batches[name]
    net.blobs["cont"].data[...] = 1
    net.forward()
    tops[name] = net.blobs["y"].data.copy()
np.savez("tops.npz", **tops)
"""


def network(layer_type: str, text: str = NET) -> Network:
    return Network(parse_net(text.format(type=layer_type)), seed=1)


def batch(seed: int, streams: int = 2, steps: int = 3) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {"x": torch.randn(steps, streams, 4, generator=generator), "cont": torch.ones(steps, streams)}


def top(net: Network, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    return net.run(inputs, ["y"])[net.graph.value("y")]


def recurrent(net: Network) -> Recurrent:
    layer = net.layer("it")
    assert isinstance(layer, Recurrent)
    return layer


@pytest.mark.caffe
@pytest.mark.parametrize("layer_type", ["RNN", "LSTM"])
def test_the_state_goes_on_through_batches_of_any_size_as_in_caffe(layer_type, real_caffe, tmp_path):
    net = network(layer_type)
    (tmp_path / "net.prototxt").write_text(NET.format(type=layer_type))
    Net(net).save(tmp_path / "first.caffemodel")
    batches = {f"{place}": batch(place, streams)["x"] for place, streams in enumerate((2, 1, 2, 4, 3, 2))}
    np.savez(tmp_path / "batches.npz", **{name: x.numpy() for name, x in batches.items()})
    result = real_caffe.run_python(OTHER_BATCHES, cwd=tmp_path)
    assert result.returncode == 0, result.stdout
    theirs = np.load(tmp_path / "tops.npz")
    for name, x in batches.items():
        with torch.inference_mode():
            ours = top(net, {"x": x, "cont": torch.ones(x.shape[:2])})
        np.testing.assert_allclose(ours.numpy(), theirs[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("layer_type", ["RNN", "LSTM"])
def test_one_long_batch_is_two_short_ones(layer_type):
    net, long = network(layer_type), batch(3, steps=6)
    whole = top(net, long)
    recurrent(net).reset_state()
    halves = [top(net, {name: tensor[part] for name, tensor in long.items()}) for part in (slice(3), slice(3, 6))]
    torch.testing.assert_close(torch.cat(halves), whole)


@pytest.mark.parametrize("layer_type", ["RNN", "LSTM"])
def test_a_zero_in_cont_and_a_reset_forget_what_was(layer_type):
    net, inputs = network(layer_type), batch(4)
    first = top(net, inputs)
    assert not torch.allclose(top(net, inputs), first)
    begins = {**inputs, "cont": torch.tensor([[0.0, 1], [1, 1], [1, 1]])}
    again = top(net, begins)
    assert torch.equal(again[:, 0], first[:, 0])
    assert not torch.allclose(again[:, 1], first[:, 1])
    net.reset_state()
    assert torch.equal(top(net, inputs), first)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("layer_type", ["RNN", "LSTM"])
def test_training_goes_on_after_inference_and_gradients_stay_in_the_batch(layer_type, dtype):
    net = network(layer_type).to(dtype)
    batches = [{name: tensor.to(dtype) for name, tensor in batch(seed).items()} for seed in (1, 2, 3)]
    with torch.inference_mode():
        top(net, batches[0])
    first, second = ({**each, "x": each["x"].requires_grad_()} for each in batches[1:])
    early, late = top(net, first), top(net, second)
    late.sum().backward()
    assert first["x"].grad is None
    assert second["x"].grad is not None
    early.sum().backward()  # its values are still those that it computed with
    assert first["x"].grad is not None


@pytest.mark.parametrize("layer_class", [RNN, LSTM])
def test_gradients_are_those_of_differences(layer_class):
    text = f'name: "it" type: "{layer_class.__name__}" top: "y" recurrent_param {{ num_output: 3 {{}} }}'
    filler = 'weight_filler { type: "uniform" min: -1 max: 1 }'
    param = parse_message(text.replace("{}", filler), LayerParameter)
    layer = layer_class.from_param(param, [X, CONT, (2, 3)]).double()
    cont = torch.tensor([[1.0, 0], [0, 1], [1, 1]], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(X, generator=generator).double(), torch.randn(2, 3, generator=generator).double()]

    def run(x: torch.Tensor, static: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        layer.reset_state()
        named = {f"blobs.{place}": weight for place, weight in enumerate(weights)}
        return torch.func.functional_call(layer, named, (x, cont, static))[0]

    inputs = [tensor.requires_grad_() for tensor in tensors]
    weights = [blob.detach().clone().requires_grad_() for blob in layer.blobs]
    assert torch.autograd.gradcheck(run, (*inputs, *weights))


def test_exposed_states_are_given_and_taken_without_gradient():
    text = NET.replace('top: "cont"', 'top: "cont" top: "h0" top: "c0"', 1)
    text = text.replace("dim: 2 }} }} }}", "dim: 2 }}" + " shape {{ dim: 1 dim: 2 dim: 5 }}" * 2 + " }} }}")
    text = text.replace('top: "y"', 'bottom: "h0" bottom: "c0" top: "y" top: "h" top: "c"')
    net = network("LSTM", text.replace("num_output: 5", "num_output: 5 expose_hidden: true"))
    states = {name: torch.randn(1, 2, 5, requires_grad=True) for name in ("h0", "c0")}
    values = net.run({**batch(1), **states}, ["y", "h", "c"])
    y, h, c = values.values()
    assert torch.equal(y[-1:], h)
    assert not h.requires_grad
    assert not c.requires_grad
    y.sum().backward()
    assert states["h0"].grad is None
    assert states["c0"].grad is None
    again = net.run({**batch(1), **states}, ["y"])
    assert torch.equal(*(each[net.graph.value("y")] for each in (values, again))), "nothing is carried on"


def test_shared_by_name_all_steps_share():
    one = NET.format(type="LSTM").replace('top: "y"', 'top: "y" param { name: "x" } param {} param { name: "h" }')
    two = one[one.index('layer { name: "it"') :].replace('"it"', '"too"').replace('"y"', '"z"')
    net = Network(parse_net(one + two), seed=1)
    assert [(each.layer, each.index) for each in net.learnable] == [("it", 0), ("it", 1), ("it", 2), ("too", 1)]
    values = net.run(batch(1), ["y", "z"])
    assert torch.equal(*values.values())


@pytest.mark.parametrize(
    ("layer_class", "shapes", "is_bias"),
    [
        (RNN, [(3, 4), (3,), (3, 6), (3, 3), (3, 3), (3,)], [0, 1, 0, 0, 0, 1]),
        (LSTM, [(12, 4), (12,), (12, 6), (12, 3)], [0, 1, 0, 0]),
    ],
)
def test_fillers_specs_and_shapes_in_caffes_order(layer_class, shapes, is_bias):
    text = f"""
        name: "it" type: "{layer_class.__name__}" top: "y" param {{ lr_mult: 2 }} param {{ lr_mult: 3 decay_mult: 0 }}
        recurrent_param {{ num_output: 3 weight_filler {{ value: 0.25 }} bias_filler {{ value: -1 }} }}
    """
    layer = layer_class.from_param(parse_message(text, LayerParameter), [X, CONT, (2, 3, 2)])
    assert layer.blob_shapes == shapes
    for blob, bias in zip(layer.blobs, is_bias, strict=True):
        assert torch.equal(blob.data, torch.full(blob.shape, -1.0 if bias else 0.25))
    assert [spec.lr_mult for spec in layer.specs] == [2, 3, *[1] * (len(shapes) - 2)]
    assert [spec.decay_mult for spec in layer.specs] == [1, 0, *[1] * (len(shapes) - 2)]


def test_debug_info_says_that_it_has_no_effect(caplog):
    with caplog.at_level(logging.WARNING):
        network("RNN", NET.replace("num_output: 5", "num_output: 5 debug_info: true"))
    assert "layer 'it': debug_info has no effect" in caplog.text
