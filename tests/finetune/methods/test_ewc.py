"""The Fisher information of EWC."""

import numpy as np
import pytest
import torch

from finetune.errors import ExperimentError
from finetune.methods import METHODS
from finetune.methods.ewc import fisher_diagonal
from finetune.training.prepared import Batch
from prototxt.formats.text import parse_net
from tests.finetune.methods.small import small_batch, small_network
from torchcaffe.network import Network

LINEAR = parse_net("""
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 5 } } }
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 3 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
""")


def _linear(count):
    """A linear classifier, images, and its probabilities, in float64."""
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(3, 5)), rng.normal(size=3)
    network = Network(LINEAR, weights={"fc": [weight.astype(np.float32), bias.astype(np.float32)]})
    images = rng.normal(size=(count, 5))
    scores = images @ weight.T + bias
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    return network, images, probabilities, rng


def test_empirical_fisher_in_closed_form():
    network, images, probabilities, rng = _linear(20)
    labels = rng.integers(0, 3, 20)
    batch = Batch(torch.from_numpy(images.astype(np.float32)), torch.from_numpy(labels))
    (weight, bias) = fisher_diagonal(network, "fc", [batch], "true")["fc"]
    error = np.eye(3)[labels] - probabilities
    np.testing.assert_allclose(weight, np.mean(error[:, :, None] ** 2 * images[:, None, :] ** 2, 0), rtol=1e-4)
    np.testing.assert_allclose(bias, np.mean(error**2, 0), rtol=1e-4)


def test_sampled_labels_give_the_fisher_information():
    # E over y of (δ - p)² is p (1 - p); the mean of 4000 draws is within 5 % of it.
    network, images, probabilities, _ = _linear(1)
    repeated = torch.from_numpy(np.repeat(images, 4000, 0).astype(np.float32))
    batch = Batch(repeated, torch.zeros(4000, dtype=torch.int64))
    (weight, _) = fisher_diagonal(network, "fc", [batch], "sampled", seed=1)["fc"]
    variance = probabilities * (1 - probabilities)
    np.testing.assert_allclose(weight, variance[0][:, None] * images**2, rtol=0.05)


def test_sampled_labels_depend_on_the_seed_only():
    network, batch = small_network(), small_batch(6)
    first, again, other = (fisher_diagonal(network, "fc8", [batch], seed=seed)["fc7"][0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_penalty_is_half_the_strength_times_fisher(setting):
    prepared = METHODS["ewc"](setting, strength=8.0, images=10)
    (term,) = prepared.terms
    network = Network(prepared.net, weights=prepared.weights)
    term.start(network)
    with torch.no_grad():
        network.params["fc6"][0] += 0.5
    omega = term.importance(network)["fc6"][0]
    assert term.penalty() == pytest.approx(4.0 * 0.25 * float(omega.sum()), rel=1e-4)
    assert "fc8_new" not in term.layers


def test_labels_are_sampled_or_true(setting):
    with pytest.raises(ExperimentError, match="labels cannot be 'false'; use one of sampled, true"):
        METHODS["ewc"](setting, labels="false")
