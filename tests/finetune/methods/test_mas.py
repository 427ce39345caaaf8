"""The importance of MAS."""

import pytest
import torch

from finetune.methods import METHODS
from finetune.methods.mas import output_sensitivity
from tests.finetune.methods.small import doubles, scores_by_hand, small_batch, small_network, small_weights
from torchcaffe.network import Network


def test_against_a_loop_in_float64():
    batch, weights = small_batch(5), doubles(small_weights())
    parameters = [blob for blobs in weights.values() for blob in blobs]
    sums = [torch.zeros_like(blob) for blob in parameters]
    for image in batch.blob.double():
        length = sum(score**2 for score in scores_by_hand(weights, image[None])[0])
        for total, gradient in zip(sums, torch.autograd.grad(length, parameters), strict=True):
            total += gradient.abs() / 5
    found = output_sensitivity(small_network(), "fc8", [batch])
    for got, wanted in zip([blob for blobs in found.values() for blob in blobs], sums, strict=True):
        torch.testing.assert_close(got.double(), wanted, rtol=1e-4, atol=1e-6)


def test_labels_do_not_matter():
    batch = small_batch(4)
    relabelled = type(batch)(batch.blob, batch.labels.flip(0))
    first, second = (output_sensitivity(small_network(), "fc8", [each])["conv1"][0] for each in (batch, relabelled))
    assert torch.equal(first, second)


def test_the_penalty_is_the_strength_times_omega(setting):
    prepared = METHODS["mas"](setting, strength=3.0, images=10)
    (term,) = prepared.terms
    network = Network(prepared.net, weights=prepared.weights)
    term.start(network)
    with torch.no_grad():
        network.params["conv2"][1] += 2
    omega = term.importance(network)["conv2"][1]
    assert term.penalty() == pytest.approx(3.0 * 4 * float(omega.sum()), rel=1e-4)
