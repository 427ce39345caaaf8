"""Autoencoders of features."""

import numpy as np
import torch
from torch.nn import functional as F

from finetune.methods.parts.autoencoder import reconstruction_loss, train_autoencoder


def _features(count=300, size=20, rank=3):
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(count, rank)) @ rng.normal(size=(rank, size)) + rng.normal(size=size)
    mixed[:, 4] = 7.0
    return torch.from_numpy(mixed.astype(np.float32))


def _trained(iterations, seed=0):
    def loss(made, batch, rows):
        assert torch.equal(batch, features[rows])
        return reconstruction_loss(made.decoded(made.code(batch)), made.standardised(batch))

    features = _features()
    made = train_autoencoder(features, 5, "sigmoid", loss, iterations, seed)
    return made, loss(made, features, torch.arange(300)).item()


def test_features_that_lie_in_few_dimensions_are_reconstructed():
    _, before = _trained(0)
    _, after = _trained(2500)
    assert after < 0.1 * before


def test_standardised_features_and_the_code_in_words():
    made, _ = _trained(5)
    features = _features()
    standardised = made.standardised(features)
    np.testing.assert_allclose(standardised.mean(0), np.zeros(20), atol=1e-5)
    changing = [place for place in range(20) if place != 4]
    assert ((standardised.std(0)[changing] > 0.8) & (standardised.std(0)[changing] <= 1.01)).all()
    assert not standardised[:, 4].any()
    expected = torch.sigmoid(F.linear(standardised, *made.encode))
    assert torch.equal(made.code(features), expected)


def test_the_same_for_the_same_seed():
    (first, _), (again, _), (other, _) = (_trained(3, seed) for seed in (1, 1, 2))
    assert torch.equal(first.encode[0], again.encode[0])
    assert not torch.equal(first.encode[0], other.encode[0])
