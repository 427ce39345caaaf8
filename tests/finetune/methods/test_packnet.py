"""PackNet's two tasks in one net."""

import numpy as np
import pytest

from finetune.errors import ExperimentError
from finetune.methods import METHODS
from finetune.methods.packnet import largest, with_zeros
from finetune.training.settings import TrainingSettings
from finetune.training.trainer import Job, Trainer

LAYERS = ("conv1", "conv2", "fc6", "fc7")


def test_the_largest_by_magnitude():
    weights = np.array([[0.1, -0.9, 0.5], [0.5, 0.2, -0.5]])
    assert largest(weights, 0.5).tolist() == [[False, True, True], [True, False, False]]
    assert largest(weights, 0.0).sum() == 0
    assert with_zeros({"fc": [weights.astype(np.float32), np.ones(2)]}, {"fc": largest(weights, 1 / 6)})["fc"][0][
        0
    ].tolist() == [0, np.float32(-0.9), 0]


@pytest.fixture
def prepared(setting):
    return METHODS["packnet"](setting, share=0.6, iterations=3)


def test_freed_weights_are_zero_after_mending(setting, prepared):
    for name in LAYERS:
        kept = largest(setting.model.weights[name][0], 0.4)
        weight = prepared.weights[name][0]
        assert not weight[~kept].any()
        assert (weight[kept] != setting.model.weights[name][0][kept]).mean() > 0.5  # mending moved them
        np.testing.assert_array_equal(prepared.weights[f"{name}_new"][0], weight)
    assert prepared.notes[-1].endswith("60% of every layer, freed; old task mended for 3 iterations")


def test_without_mending_the_kept_weights_are_the_given_ones(setting):
    prepared = METHODS["packnet"](setting, share=0.6, iterations=0)
    for name in LAYERS:
        kept = largest(setting.model.weights[name][0], 0.4)
        np.testing.assert_array_equal(prepared.weights[name][0], np.where(kept, setting.model.weights[name][0], 0))


def test_training_moves_freed_weights_only(setting, prepared):
    how = TrainingSettings(iterations=3, batch=8, base_lr=0.05, weight_decay=0.01)
    trainer = Trainer(Job(prepared, setting.target.train, setting.model.preprocessing, how))
    for _ in range(3):
        trainer.step()
    trained = trainer.network_weights()
    for name, blobs in prepared.weights.items():
        if name in LAYERS or name == "fc8":
            for before, after in zip(blobs, trained[name], strict=True):
                np.testing.assert_array_equal(before, after)
    for name in LAYERS:
        kept = largest(setting.model.weights[name][0], 0.4)
        before, after = prepared.weights[f"{name}_new"], trained[f"{name}_new"]
        np.testing.assert_array_equal(before[0][kept], after[0][kept])
        np.testing.assert_array_equal(before[1], after[1])
        assert after[0][~kept].any()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share(setting, share):
    with pytest.raises(ExperimentError, match="the share of freed weights must lie between 0 and 1"):
        METHODS["packnet"](setting, share=share)
