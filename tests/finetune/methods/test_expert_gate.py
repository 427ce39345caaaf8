"""Which expert answers."""

import numpy as np
import pytest
import torch

from finetune.errors import ExperimentError
from finetune.methods import METHODS
from finetune.methods.expert_gate import GATE, reconstruction_error, squashed_loss
from finetune.methods.parts.autoencoder import train_autoencoder
from finetune.tasks.pixels import blobs
from torchcaffe.network import Network


def test_the_error_by_loops():
    features = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32))
    made = train_autoencoder(features, 2, "relu", squashed_loss, 10, 0)
    found = reconstruction_error(made, features)
    for row, error in zip(features.double(), found, strict=True):
        standard = (row - made.mean) * made.scale
        code = [max(0.0, float(w @ standard + b)) for w, b in zip(made.encode[0].double(), made.encode[1], strict=True)]
        total = 0.0
        for place in range(5):
            decoded = sum(float(made.decode[0][place, j]) * code[j] for j in range(2)) + float(made.decode[1][place])
            total += (1 / (1 + np.exp(-decoded)) - 1 / (1 + np.exp(-float(standard[place])))) ** 2
        assert error.item() == pytest.approx(total, rel=1e-4)


@pytest.fixture
def prepared(setting):
    return METHODS["expert-gate"](setting, code=2, images=48, iterations=1500)


def test_the_gate_tells_the_tasks_apart(prepared, setting):
    assert prepared.gate == GATE
    network = Network(prepared.net, weights=prepared.weights)
    for place, task in enumerate((setting.source, setting.target)):
        blob = torch.from_numpy(blobs(task.test.images, setting.model.preprocessing))
        (scores,) = network.run({"data": blob}, keep=[GATE]).values()
        assert scores.shape == (len(task.test), 2)
        assert (scores <= 0).all()
        assert (scores[:, place] - scores[:, 1 - place]).mean() > 0.1  # it knows its own task's images better


def test_it_is_frozen_and_the_expert_is_not(prepared):
    (stage,) = prepared.stages
    assert all(not np.any(rate) for name, rate in stage.rates.items() if name.startswith(GATE))
    assert stage.rates["conv1_new"] == 1
    assert all(spec.lr_mult == 0 for each in prepared.net.layer if each.name.startswith(GATE) for spec in each.param)


def test_experts_that_do_not_fit(setting):
    with pytest.raises(ExperimentError, match="there is no method 'own-brain' for the expert; use one of adapters"):
        METHODS["expert-gate"](setting, expert="own-brain")
    with pytest.raises(ExperimentError, match="'fine-tuning' trains layer 'conv1', which leads to 'pool2'"):
        METHODS["expert-gate"](setting, expert="fine-tuning")
