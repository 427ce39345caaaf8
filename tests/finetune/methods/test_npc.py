"""Rates of units from their Taylor importance."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from finetune.methods import METHODS
from finetune.methods.npc import rate_of, taylor_importance, unit_importance
from tests.finetune.methods.small import doubles, small_batch, small_network, small_weights
from torchcaffe.network import Network


def test_importance_of_units_by_loops():
    rng = np.random.default_rng(0)
    activation, gradient = rng.normal(size=(2, 3, 4, 2, 2))
    matters = [
        sum(
            abs(sum(activation[n, c, y, x] * gradient[n, c, y, x] for y in range(2) for x in range(2)))
            for n in range(3)
        )
        / 3
        for c in range(4)
    ]
    scale = math.sqrt(sum(each**2 for each in matters) / 4)
    found = unit_importance(torch.tensor(activation), torch.tensor(gradient))
    np.testing.assert_allclose(found, np.array(matters) / scale, rtol=1e-12)
    assert not unit_importance(torch.zeros(3, 4), torch.ones(3, 4)).any()


def test_old_importance_against_autograd_in_float64():
    batch, weights = small_batch(6), doubles(small_weights())
    maps = F.relu(F.conv2d(batch.blob.double(), *weights["conv1"], stride=2, padding=1))
    x = F.max_pool2d(F.relu(F.conv2d(maps, *weights["conv2"], padding=1)), 2).flatten(1)
    for name in ("fc6", "fc7"):
        x = F.relu(F.linear(x, *weights[name]))
    loss = F.cross_entropy(F.linear(x, *weights["fc8"]), batch.labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, [maps])
    expected = unit_importance(maps.detach(), gradient)
    found = taylor_importance(small_network(), "fc8", {"conv1": "conv1"}, [batch])["conv1"]
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-6)


def test_rates():
    importance = torch.tensor([0.0, 0.1, 0.5, 0.8, 1.0, 3.0])
    expected = [1, 1, 0.5, 0.5 * math.sqrt(0.25), 0, 0]
    torch.testing.assert_close(rate_of(importance, 1.0, 0.5), torch.tensor(expected))


@pytest.fixture
def started(setting):
    prepared = METHODS["npc"](setting, images=16, forget=0.25)
    network = Network(prepared.net, "TRAIN", weights=prepared.weights, seed=0)
    (term,) = prepared.terms
    term.start(network)
    return prepared, network, term


def _pass(prepared, network, term):
    batch = small_batch(8, classes=3)
    values = network.run({"data": batch.blob}, keep=[prepared.new_output, *term.keeps])
    named = {value.blob: tensor for value, tensor in values.items()}
    assert term.loss(network, batch, named) is None
    F.cross_entropy(named[prepared.new_output], batch.labels).backward()
    return named


def test_importance_moves_with_the_batches(started):
    prepared, network, term = started
    before = {name: value.clone() for name, value in term.importance.items()}
    named = _pass(prepared, network, term)
    term.before_update(network)
    for name, blob in term.blobs.items():
        of_batch = unit_importance(named[blob].detach(), named[blob].grad)
        torch.testing.assert_close(term.importance[name], 0.75 * before[name] + 0.25 * of_batch)


def test_updates_are_scaled_and_frozen_units_keep_their_bits(started):
    prepared, network, term = started
    _pass(prepared, network, term)
    before = {name: [blob.detach().clone() for blob in blobs] for name, blobs in network.params.items()}
    term.before_update(network)
    with torch.no_grad():
        for blob in network.parameters():
            blob -= 0.3
    term.after_update(network)
    rates = {name: rate_of(value, term.ceiling, term.slope) for name, value in term.importance.items()}
    assert any((rate == 0).any() for rate in rates.values())
    assert any((rate == 1).any() for rate in rates.values())
    for name, rate in rates.items():
        for blob, old in zip(network.params[name], before[name], strict=True):
            change = (blob - old).flatten(1) if blob.dim() > 1 else (blob - old)[:, None]
            torch.testing.assert_close(change, -0.3 * rate[:, None].expand_as(change), rtol=1e-4, atol=1e-6)
            assert torch.equal(blob[rate == 0], old[rate == 0])
    torch.testing.assert_close(network.params["fc8_new"][0], before["fc8_new"][0] - 0.3)


def test_what_a_checkpoint_needs(started, setting):
    prepared, network, term = started
    _pass(prepared, network, term)
    term.before_update(network)
    (again,) = METHODS["npc"](setting, images=16, forget=0.25).terms
    again.start(network)
    again.restore({name: value.clone() for name, value in term.state().items()})
    assert all(torch.equal(again.importance[name], value) for name, value in term.importance.items())
