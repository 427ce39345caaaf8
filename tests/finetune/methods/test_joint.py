"""Both tasks' images in every update."""

import numpy as np
import pytest
from torch.nn import functional as F

from finetune.methods import METHODS
from finetune.methods.parts.images import OldBatches
from finetune.training.net import training_net
from finetune.training.settings import TrainingSettings
from finetune.training.trainer import Job, Trainer
from tests.finetune.methods.small import doubles, scores_by_hand, small_batch, small_weights
from torchcaffe.network import Network


def test_the_loss_is_the_old_heads_on_old_images(setting):
    prepared = METHODS["joint"](setting, weight=0.7)
    (term,) = prepared.terms
    network = Network(training_net(prepared), "TEST", weights=prepared.weights)
    term.start(network)
    for iteration in range(2):
        old = OldBatches(setting).at(iteration)
        assert len(old.labels) == setting.training.batch
        expected = 0.7 * F.cross_entropy(scores_by_hand(doubles(small_weights()), old.blob.double()), old.labels)
        loss = term.loss(network, small_batch(3), {})
        assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    (again,) = METHODS["joint"](setting).terms
    again.restore(term.state())
    assert again.state() == {"iteration": 2}


def test_both_heads_learn(setting):
    how = TrainingSettings(iterations=2, batch=8, base_lr=0.01)
    prepared = METHODS["joint"](setting)
    trainer = Trainer(Job(prepared, setting.target.train, setting.model.preprocessing, how))
    trainer.step()
    trained = trainer.network_weights()
    for name in ("conv1", "fc7", "fc8", "fc8_new"):
        assert not np.array_equal(trained[name][0], prepared.weights[name][0]), name
