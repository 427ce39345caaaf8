"""Importance of weights, against a loop over images in float64."""

import pytest
import torch
from torch.nn import functional as F

from finetune.errors import ExperimentError
from finetune.methods.parts.importance import average_gradients
from tests.finetune.methods.small import doubles, scores_by_hand, small_batch, small_network, small_weights

OBJECTIVES = {
    "log-likelihood": lambda scores, label: -F.cross_entropy(scores, label),
    "length": lambda scores, label: scores.square().sum(),
}


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
@pytest.mark.parametrize("size", [torch.square, torch.abs])
def test_every_image_by_itself(objective, size):
    batch, weights = small_batch(7), doubles(small_weights())
    found = average_gradients(small_network(), "fc8", [batch], objective, size)
    expected = {name: [torch.zeros_like(blob) for blob in blobs] for name, blobs in weights.items()}
    for image, label in zip(batch.blob.double(), batch.labels, strict=True):
        for blobs in weights.values():
            for blob in blobs:
                blob.grad = None
        objective(scores_by_hand(weights, image[None]), label[None]).backward()
        for name, blobs in weights.items():
            for total, blob in zip(expected[name], blobs, strict=True):
                total += size(blob.grad) / 7
    assert found.keys() == expected.keys()
    for name, blobs in expected.items():
        for got, wanted in zip(found[name], blobs, strict=True):
            torch.testing.assert_close(got.double(), wanted, rtol=1e-4, atol=1e-7)


def test_how_the_images_come_in_batches_does_not_matter():
    batches = [small_batch(4, seed) for seed in (1, 2)]
    singles = [
        type(batch)(batch.blob[place : place + 1], batch.labels[place : place + 1])
        for batch in batches
        for place in range(4)
    ]
    together, apart = (
        average_gradients(small_network(), "fc8", images, OBJECTIVES["length"], torch.abs)
        for images in (batches, singles)
    )
    assert all(torch.equal(a, b) for name in together for a, b in zip(together[name], apart[name], strict=True))


def test_without_an_image_nothing_is_important():
    with pytest.raises(ExperimentError, match="the source task has no training image"):
        average_gradients(small_network(), "fc8", [], OBJECTIVES["length"], torch.abs)


def test_only_what_the_scores_depend_on():
    found = average_gradients(small_network(), "fc6", [small_batch(2)], OBJECTIVES["length"], torch.abs)
    assert list(found) == ["conv1", "conv2", "fc6"]
