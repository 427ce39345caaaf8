"""The penalty that holds weights near the old ones."""

import pytest
import torch

from finetune.methods.parts.anchor import Anchor
from tests.finetune.methods.small import small_network

LAYERS = ("conv1", "conv2", "fc6", "fc7")


def _moved(network, amount):
    """Move every weight by numbers of its own; returns how far."""
    generator = torch.Generator().manual_seed(3)
    away = {}
    with torch.no_grad():
        for name, blobs in network.params.items():
            away[name] = [amount * torch.randn(blob.shape, generator=generator) for blob in blobs]
            for blob, step in zip(blobs, away[name], strict=True):
                blob += step
                blob.grad = torch.ones_like(blob)
    return away


@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_is_that_of_the_penalty(weighted):
    network = small_network()
    omega = {name: [torch.rand_like(blob) for blob in blobs] for name, blobs in network.params.items()}
    anchor = Anchor(0.7, LAYERS, (lambda _: omega) if weighted else None)
    anchor.start(network)
    away = _moved(network, 0.1)
    expected = 0.0
    for name in LAYERS:
        for step, weight in zip(away[name], omega[name], strict=True):
            theta = step.double().requires_grad_()
            value = 0.7 * ((weight.double() if weighted else 1) * theta**2).sum()
            value.backward()
            expected += value.item()
            step.gradient = theta.grad
    assert anchor.penalty() == pytest.approx(expected, rel=1e-5)
    anchor.before_update(network)
    for name, blobs in network.params.items():
        for blob, step in zip(blobs, away[name], strict=True):
            wanted = 1 + (step.gradient if name in LAYERS else torch.zeros(step.shape, dtype=torch.float64))
            torch.testing.assert_close(blob.grad.double(), wanted, rtol=1e-5, atol=1e-6)


def test_frozen_layers_are_left_alone():
    network = small_network()
    anchor = Anchor(1.0, LAYERS)
    anchor.start(network)
    _moved(network, 1.0)
    network.params["conv1"][0].grad = None
    anchor.before_update(network)
    assert network.params["conv1"][0].grad is None
