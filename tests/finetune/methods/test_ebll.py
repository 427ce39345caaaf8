"""The code of the features is kept."""

import pytest
import torch
from torch.nn import functional as F

from finetune.methods import METHODS
from finetune.methods.ebll import encode_old_task
from finetune.methods.parts.features import features_of
from finetune.methods.parts.images import some_old_images
from prototxt.net.graph import Value
from tests.finetune.methods.small import small_batch
from torchcaffe.network import Network


@pytest.fixture
def started(setting):
    prepared = METHODS["ebll"](setting, code_weight=0.5, code=4, iterations=20)
    network = Network(prepared.net, "TRAIN", weights=prepared.weights, seed=0)
    for term in prepared.terms:
        term.start(network)
    return prepared, network


def _values(prepared, network, batch):
    keeps = [kept for term in prepared.terms for kept in term.keeps]
    found = network.run({"data": batch.blob}, keep=keeps)
    return dict(zip(keeps, found.values(), strict=True))


def test_nothing_to_pay_at_the_start_whatever_dropout_does(started):
    prepared, network = started
    batch = small_batch(4, classes=3)
    _, kept = prepared.terms
    assert kept.loss(network, batch, _values(prepared, network, batch)).item() == 0


def test_the_loss_by_hand(started, setting):
    prepared, network = started
    _, kept = prepared.terms
    with torch.no_grad():
        network.params["conv2"][0] *= 1.3
    batch = small_batch(4, classes=3)
    values = _values(prepared, network, batch)
    old = setting.model.network().run({"data": batch.blob}, keep=["pool2"])
    weight, bias = (tensor.double() for tensor in kept.autoencoder.encode)
    codes = []
    for maps in (values[Value("pool2")], next(iter(old.values()))):
        flat = (maps.flatten(1).double() - kept.autoencoder.mean) * kept.autoencoder.scale
        codes.append(1 / (1 + torch.exp(-(flat @ weight.T + bias))))
    expected = 0.25 * sum(float(((codes[0][n] - codes[1][n]).detach() ** 2).sum()) for n in range(4)) / 4
    loss = kept.loss(network, batch, values)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    loss.backward()
    assert network.params["conv1"][0].grad.any()
    assert network.params["fc6"][0].grad is None


def test_the_autoencoder_keeps_what_the_classes_need(setting):
    network = setting.model.network()
    images = list(some_old_images(setting, 48))
    features, labels = features_of(network, "pool2", images)
    assert features.shape == (48, 8, 2, 2)

    def loss_on_reconstructed(iterations):
        made = encode_old_task(network, "pool2", "fc8", images, 6, iterations, 0)
        back = (made.decoded(made.code(features.flatten(1))) / made.scale + made.mean).reshape(features.shape)
        (scores,) = network.run({network.graph.value("pool2"): back}, keep=["fc8"]).values()
        return F.cross_entropy(scores, labels).item()

    assert loss_on_reconstructed(300) < loss_on_reconstructed(0)
