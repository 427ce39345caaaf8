"""First layers transferred, the others fresh, beside the old net."""

import numpy as np
import pytest

from finetune.errors import ExperimentError
from finetune.methods import METHODS
from tests.finetune.methods.small import small_batch, small_network
from torchcaffe.network import Network


def _free(prepared):
    return [name for name, rate in prepared.stages[0].rates.items() if np.any(np.asarray(rate) > 0)]


@pytest.mark.parametrize("layers", range(5))
def test_layers_above_the_transferred_ones_are_fresh(setting, layers):
    prepared = METHODS["snt"](setting, layers=layers)
    fresh = ["conv1", "conv2", "fc6", "fc7"][layers:]
    assert _free(prepared) == [*(f"{name}_new" for name in fresh), "fc8_new"]
    for name in fresh:
        old, (weight, bias) = setting.model.weights[name], prepared.weights[f"{name}_new"]
        assert weight.shape == old[0].shape
        assert not np.isclose(weight, old[0]).any()
        assert not bias.any()
        expected = np.sqrt(2 / np.prod(weight.shape[1:]))  # He et al. (2015)
        assert weight.std() == pytest.approx(expected, rel=0.25)


def test_the_old_task_keeps_its_layers(setting):
    prepared = METHODS["scratch"](setting)
    batch = small_batch(3)
    before, after = (
        next(iter(network.run({"data": batch.blob}, keep=["fc8"]).values()))
        for network in (small_network(), Network(prepared.net, weights=prepared.weights))
    )
    assert np.array_equal(before.detach(), after.detach())
    assert prepared.notes[-1] == "fresh for the new task: conv1, conv2, fc6, fc7"


def test_fresh_weights_depend_on_the_seed(setting):
    from dataclasses import replace

    first, again, other = (
        METHODS["scratch"](replace(setting, seed=seed)).weights["conv2_new"][0] for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_more_layers_than_there_are(setting):
    with pytest.raises(ExperimentError, match="snt: the net has 4 layers before its classifier; got 9"):
        METHODS["snt"](setting, layers=9)


def test_all_at_one_rate(setting):
    prepared = METHODS["ft-all"](setting)
    assert _free(prepared) == ["conv1", "conv2", "fc6", "fc7", "fc8_new"]
    (head,) = [layer for layer in prepared.net.layer if layer.name == "fc8_new"]
    assert [spec.lr_mult for spec in head.param] == [1, 2]
