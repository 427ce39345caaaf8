"""Filters change hands."""

import numpy as np
import pytest

from finetune.errors import ExperimentError
from finetune.methods import METHODS
from finetune.training.settings import TrainingSettings
from finetune.training.trainer import Job, Trainer
from tests.finetune.methods.small import small_batch
from torchcaffe.network import Network


def _old_scores(prepared, weights):
    network = Network(prepared.net, weights=weights)
    return next(iter(network.run({"data": small_batch(5).blob}, keep=["fc8"]).values())).detach().numpy()


def test_the_lowest_filters_of_the_last_convolution_learn_and_the_old_task_keeps_its_bits(setting, table):
    prepared = METHODS["free-and-repair"](setting, share=0.25, iterations=3)
    rates = prepared.stages[0].rates
    lowest = np.sort(np.argsort(table.h[table.layer == "conv2"], kind="stable")[:2])
    assert np.flatnonzero(rates["conv2"]).tolist() == lowest.tolist()
    assert not np.any(rates["conv1"])
    how = TrainingSettings(iterations=3, batch=8, base_lr=0.05)
    trainer = Trainer(Job(prepared, setting.target.train, setting.model.preprocessing, how))
    for _ in range(3):
        trainer.step()
    trained = trainer.network_weights()
    assert not np.array_equal(trained["conv2"][0][lowest], prepared.weights["conv2"][0][lowest])
    np.testing.assert_array_equal(_old_scores(prepared, trained), _old_scores(prepared, prepared.weights))


def test_mending_moves_what_is_kept_and_freed_filters_stay(setting):
    mended = METHODS["free-and-repair"](setting, share=0.25, iterations=3)
    at_once = METHODS["free-and-repair"](setting, share=0.25, iterations=0)
    free = np.flatnonzero(mended.stages[0].rates["conv2"])
    given = setting.model.weights["conv2"][0]
    np.testing.assert_array_equal(mended.weights["conv2"][0][free], given[free])
    np.testing.assert_array_equal(at_once.weights["conv2"][0], given)
    kept = np.setdiff1d(np.arange(8), free)
    assert not np.array_equal(mended.weights["conv2"][0][kept], given[kept])
    columns = np.repeat(np.isin(np.arange(8), free), 4)  # of fc6, which reads 2×2 numbers of every filter
    assert not mended.weights["fc6"][0][:, columns].any()
    assert mended.notes[-1] == "old task mended for 3 iterations"


def test_other_measures_and_layers(setting, table):
    prepared = METHODS["free-and-repair"](setting, layers=2, share=0.5, by="weight", iterations=0)
    free = np.flatnonzero(prepared.stages[0].rates["conv1"])
    magnitudes = np.abs(setting.model.weights["conv1"][0]).mean((1, 2, 3))
    assert sorted(free) == sorted(np.argsort(magnitudes)[:3])
    fresh = METHODS["free-and-repair"](setting, filters={"conv2": 2}, fresh=True, iterations=0)
    free = np.flatnonzero(fresh.stages[0].rates["conv2"])
    assert not np.isclose(fresh.weights["conv2"][0][free], setting.model.weights["conv2"][0][free]).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"layers": 3}, "the net has 2 convolutions; got layers 3"), ({"share": 1}, "must lie between 0 and 1; got 1")],
)
def test_what_cannot_be_freed(setting, options, message):
    with pytest.raises(ExperimentError, match=message):
        METHODS["free-and-repair"](setting, **options)
