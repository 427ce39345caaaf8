"""Back-propagation against captum on a torch twin of the small net, written out by hand."""

import captum.attr
import numpy as np
import pytest
import torch
from torch import nn

from deepvis.engines.backprop import BACKPROP, back_propagate
from deepvis.state.viewer import OPTIONS
from prototxt.net.graph import Value

CAPTUM = {
    "gradient": lambda net: captum.attr.Saliency(net),
    "deconv": captum.attr.Deconvolution,
    "guided": captum.attr.GuidedBackprop,
}
ORIGINS = {"conv1": ("conv1", 1), "branch/left": ("left", 1), "sum": ("sum", 1), "up": ("up", 0), "fc": ("fc", 1)}


class Twin(nn.Module):
    """The small net up to one unit; half the sum of its squared map has the gradient that the map as a seed gives."""

    def __init__(self, weights, origin, unit):
        super().__init__()
        self.origin, self.unit = origin, unit
        self.relus = nn.ModuleDict({name: nn.ReLU() for name in ("conv1", "left", "sum", "fc")})
        self.weights = {name: [torch.from_numpy(array) for array in arrays] for name, arrays in weights.items()}

    def forward(self, data):
        weights, functional, found = self.weights, nn.functional, {}
        found["conv1"] = self.relus["conv1"](functional.conv2d(data, *weights["conv1"], padding=1))
        pooled = functional.max_pool2d(found["conv1"], 2, 2, ceil_mode=True)
        found["branch/left"] = self.relus["left"](functional.conv2d(pooled, *weights["branch/left"], padding=1))
        right = functional.conv2d(pooled, *weights["100% right"])
        found["sum"] = self.relus["sum"](found["branch/left"] + right)
        found["up"] = functional.conv_transpose2d(found["sum"], *weights["up"], stride=2)
        found["fc"] = self.relus["fc"](functional.linear(found["sum"].flatten(1), *weights["fc"]))
        return found[self.origin][:, self.unit].square().sum().view(1, 1) / 2


@pytest.fixture
def inputs():
    return torch.from_numpy(np.random.default_rng(5).integers(-3, 4, (1, 3, 9, 11)).astype(np.float32))


def strongest(model, inputs, value):
    """The unit with the greatest activation: a silent one would make every comparison one of zeros."""
    return int(
        model.network()
        .run({"data": inputs}, keep=[value])[value][0]
        .reshape(model.shapes.values[value][1], -1)
        .amax(1)
        .argmax()
    )


def test_modes_are_those_of_the_state():
    assert ("off", *BACKPROP) == OPTIONS["back_mode"].choices


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU:UserWarning")
@pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients:UserWarning")
@pytest.mark.parametrize("origin", list(ORIGINS))
@pytest.mark.parametrize("mode", list(BACKPROP))
def test_agrees_with_captum(make_model, inputs, mode, origin):
    model = make_model()
    value = Value(*ORIGINS[origin])
    unit = strongest(model, inputs, value)
    twin = CAPTUM[mode](Twin(model.weights, origin, unit))
    wishes = {"abs": False} if mode == "gradient" else {}
    expected = twin.attribute(inputs.clone().requires_grad_(), target=0, **wishes).detach()
    assert expected.any()
    found = back_propagate(model.network(), inputs, value, unit, mode, [model.input], model.feed)[1]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)


def test_the_modes_differ(make_model, inputs):
    model, value = make_model(), Value("fc", 1)
    unit = strongest(model, inputs, value)
    found = [
        back_propagate(model.network(), inputs, value, unit, mode, [model.input], model.feed)[1] for mode in BACKPROP
    ]
    assert not torch.equal(found[0], found[1])
    assert not torch.equal(found[1], found[2])


def test_nothing_of_an_earlier_call_is_left(make_model, inputs):
    """The old toolbox summed stale gradients of sibling branches at the split."""
    model = make_model()
    network = model.network()
    fresh = back_propagate(network, inputs, Value("left", 1), 0, "gradient", [model.input], model.feed)[1]
    for origin in (Value("right"), Value("sum", 1), Value("fc", 1)):
        back_propagate(network, inputs, origin, 0, "guided", [model.input, Value("conv1", 1)], model.feed)
    again = back_propagate(network, inputs, Value("left", 1), 0, "gradient", [model.input], model.feed)[1]
    assert torch.equal(fresh, again)


def test_diffs_of_layers_on_the_way(make_model, inputs):
    model = make_model()
    conv, left, right, up = Value("conv1", 1), Value("left", 1), Value("right"), Value("up")
    targets = [model.input, conv, left, right, up]
    found, _ = back_propagate(model.network(), inputs, left, 2, "gradient", targets, model.feed)
    assert found[conv].shape == (1, 5, 9, 11)
    assert not found[right].any()  # a sibling
    assert not found[up].any()  # further on
    seed = found[left]
    assert not seed[:, [0, 1, 3]].any()
    run = model.network().run({"data": inputs}, keep=[left])[left]
    assert torch.equal(seed[:, 2], run[:, 2])


def test_the_input_is_not_touched(make_model, inputs):
    before = inputs.clone()
    model = make_model()
    back_propagate(model.network(), inputs, Value("fc", 1), 0, "deconv", [Value("data")], model.feed)
    assert torch.equal(inputs, before)
    assert not inputs.requires_grad
