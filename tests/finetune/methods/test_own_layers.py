"""The new task's own layers beside the frozen net."""

import numpy as np

from finetune.methods import METHODS
from tests.finetune.methods.small import small_batch, small_network
from torchcaffe.network import Network


def _free(prepared):
    return [name for name, rate in prepared.stages[0].rates.items() if np.any(np.asarray(rate) > 0)]


def _scores(network, output, batch):
    return next(iter(network.run({"data": batch.blob}, keep=[output]).values())).detach()


def test_own_fully_connected_layers_start_as_copies(setting):
    prepared = METHODS["own-fc"](setting, head="wide")
    assert _free(prepared) == ["fc6_new", "fc7_new", "fc8_new"]
    for name in ("fc6", "fc7"):
        np.testing.assert_array_equal(prepared.weights[f"{name}_new"][0], prepared.weights[name][0])
    assert prepared.weights["fc8_new"][0].shape == (3, 32 + 9)


def test_m2_with_own_fully_connected_layers(setting):
    rates = METHODS["m2"](setting, fc="own").stages[0].rates
    assert (rates["fc6"], rates["fc7"], rates["fc6_new"], rates["fc7_new"]) == (0, 0, 1, 1)
    assert rates["conv1"].sum() + rates["conv2"].sum() == 2


def test_adapters_learn_a_factor_and_an_offset_for_every_filter(setting):
    prepared = METHODS["adapters"](setting)
    assert _free(prepared) == ["conv1_adapter_new", "conv2_adapter_new", "fc8_new"]
    assert [blob.shape for blob in prepared.weights["conv2_adapter_new"]] == [(8,), (8,)]


def test_what_learns_does_not_reach_the_old_scores(setting):
    batch = small_batch(4)
    before = _scores(small_network(), "fc8", batch)
    for name in ("own-fc", "adapters"):
        prepared = METHODS[name](setting)
        network = Network(prepared.net, weights=prepared.weights)
        new = _scores(network, prepared.new_output, batch)
        for free in _free(prepared):
            for blob in network.params[free]:
                blob.data += 0.5
        assert np.array_equal(_scores(network, "fc8", batch), before), name
        assert not np.allclose(_scores(network, prepared.new_output, batch), new), name
