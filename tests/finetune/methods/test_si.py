"""The path integral of SI on a quadratic, where it can be summed by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from finetune.methods import METHODS
from finetune.methods.si import PathIntegral
from torchcaffe.network import Network

CURVATURE = np.array([0.5, 1.0, 4.0])
START = np.array([2.0, -1.0, 0.5])


def _descend(rate, steps):
    """Gradient descent on ½ Σ h θ², followed by the term."""
    parameter = torch.nn.Parameter(torch.tensor(START))
    network = SimpleNamespace(params={"layer": [parameter]})
    path = PathIntegral(("layer",))
    path.start(network)
    for _ in range(steps):
        parameter.grad = torch.tensor(CURVATURE) * parameter.detach()
        path.before_update(network)
        with torch.no_grad():
            parameter -= rate * parameter.grad
        path.after_update(network)
    return path, parameter.detach().numpy()


def test_the_integral_is_a_geometric_sum():
    rate, steps, damping = 0.1, 30, 0.01
    path, end = _descend(rate, steps)
    shrink = 1 - rate * CURVATURE  # of θ in a step
    integral = rate * CURVATURE**2 * START**2 * (1 - shrink ** (2 * steps)) / (1 - shrink**2)
    np.testing.assert_allclose(end, shrink**steps * START, rtol=1e-12)
    (found,) = path.importance(damping)["layer"]
    np.testing.assert_allclose(found, integral / ((end - START) ** 2 + damping), rtol=1e-10)


def test_small_steps_to_the_optimum_give_half_the_curvature():
    # Zenke et al., section 4: ω is then the loss that was lost, ½ h Δ².
    path, _ = _descend(0.002, 20000)
    np.testing.assert_allclose(path.importance(0.0)["layer"][0], CURVATURE / 2, rtol=0.01)


def test_a_way_uphill_counts_as_nothing():
    path, _ = _descend(-0.1, 5)
    np.testing.assert_array_equal(path.importance(0.1)["layer"][0], 0)


def test_the_source_net_is_put_back(setting):
    prepared = METHODS["si"](setting, strength=2.0, iterations=4, old_lr=0.01)
    (term,) = prepared.terms
    network = Network(prepared.net, weights=prepared.weights)
    term.start(network)
    for name, blobs in setting.model.weights.items():
        for got, given in zip(network.params[name], blobs, strict=True):
            np.testing.assert_array_equal(got.detach().numpy(), given)
    assert term.penalty() == 0
    omega = term.importance(network)
    assert omega.keys() == {"conv1", "conv2", "fc6", "fc7"}
    assert all((blob >= 0).all() for blobs in omega.values() for blob in blobs)
    assert omega["conv1"][0].any()
    with torch.no_grad():
        network.params["fc7"][0] += 1
    assert term.penalty() == pytest.approx(2 * float(omega["fc7"][0].sum()), rel=1e-4)
