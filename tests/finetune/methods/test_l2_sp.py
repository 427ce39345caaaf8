"""L2-SP holds weights near the old ones in place of the solver's decay."""

import pytest
import torch

from finetune.methods import METHODS
from torchcaffe.network import Network


def test_gradient_and_decay(setting):
    prepared = METHODS["l2-sp"](setting, strength=0.3)
    (term,) = prepared.terms
    network = Network(prepared.net, weights=prepared.weights)
    term.start(network)
    for blob in network.parameters():
        with torch.no_grad():
            blob += 2
        blob.grad = torch.zeros_like(blob)
    term.before_update(network)
    for name in ("conv1", "conv2", "fc6", "fc7"):
        for blob in network.params[name]:
            torch.testing.assert_close(blob.grad, torch.full_like(blob, 0.3 * 2))
    assert not network.params["fc8_new"][0].grad.any()
    assert term.penalty() == pytest.approx(0.15 * 4 * sum(b.numel() for n in term.layers for b in network.params[n]))
    decays = {layer.name: [spec.decay_mult for spec in layer.param] for layer in prepared.net.layer if layer.param}
    assert decays["conv1"] == decays["fc7"] == [0, 0]
    assert decays["fc8_new"] == [1, 0]
    rates = {layer.name: [spec.lr_mult for spec in layer.param] for layer in prepared.net.layer if layer.param}
    assert rates["conv1"] == [1, 2]
