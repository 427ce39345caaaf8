"""Distillation, written out in float64."""

import math

import numpy as np
import pytest
import torch

from finetune.methods import METHODS
from finetune.methods.lwf import distillation_loss
from tests.finetune.methods.small import doubles, scores_by_hand, small_batch, small_weights
from torchcaffe.network import Network


def _by_hand(scores, teacher, temperature):
    """Eq. 2 to 4 of the paper: probabilities to the power 1/T, normalised again."""
    total = 0.0
    for row, wanted in zip(scores, teacher, strict=True):
        softened = []
        for each in (row, wanted):
            probabilities = [math.exp(value) / sum(map(math.exp, each)) for value in each]
            powers = [probability ** (1 / temperature) for probability in probabilities]
            softened.append([power / sum(powers) for power in powers])
        total -= sum(old * math.log(new) for new, old in zip(*softened, strict=True))
    return total / len(scores)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_loss_and_gradient(temperature):
    rng = np.random.default_rng(0)
    scores, teacher = rng.normal(size=(2, 6, 4)) * 3
    given = torch.tensor(scores, requires_grad=True)
    loss = distillation_loss(given, torch.tensor(teacher), temperature)
    assert loss.item() == pytest.approx(_by_hand(scores.tolist(), teacher.tolist(), temperature), rel=1e-9)
    loss.backward()
    step = 1e-6
    for place in ((0, 0), (3, 2), (5, 3)):
        ahead, behind = scores.copy(), scores.copy()
        ahead[place] += step
        behind[place] -= step
        slope = (
            _by_hand(ahead.tolist(), teacher.tolist(), temperature)
            - _by_hand(behind.tolist(), teacher.tolist(), temperature)
        ) / (2 * step)
        assert given.grad[place].item() == pytest.approx(slope, rel=1e-5, abs=1e-9)


def test_the_teacher_is_the_source_net(setting):
    prepared = METHODS["lwf"](setting, weight=0.5, temperature=2.0)
    (term,) = prepared.terms
    network = Network(prepared.net, weights=prepared.weights)
    term.start(network)
    with torch.no_grad():
        network.params["conv1"][0] *= 1.5
    batch = small_batch(5, classes=3)
    values = network.run({"data": batch.blob}, keep=[prepared.old_output])
    loss = term.loss(network, batch, {prepared.old_output: next(iter(values.values()))})
    weights = doubles(small_weights())
    teacher = scores_by_hand(weights, batch.blob.double())
    moved = {**weights, "conv1": [weights["conv1"][0] * 1.5, weights["conv1"][1]]}
    expected = 0.5 * distillation_loss(scores_by_hand(moved, batch.blob.double()), teacher, 2.0)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    loss.backward()
    assert network.params["fc8"][0].grad.any()


def test_stages(setting):
    first, second = METHODS["lwf"](setting, warm_up=0.25).stages
    assert (first.share, second.share) == (0.25, 0.75)
    assert first.rates["fc8"] == 0
    assert second.rates["fc8"] == second.rates["conv1"] == 1
    (only,) = METHODS["lwf"](setting, warm_up=0).stages
    assert only.rates == second.rates
