"""New filters beside the frozen ones, and their control."""

import numpy as np
import pytest

from entropy import plan
from finetune.errors import ExperimentError
from finetune.methods import METHODS
from tests.finetune.methods.small import small_batch, small_network
from torchcaffe.network import Network


def _free(prepared):
    return [name for name, rate in prepared.stages[0].rates.items() if np.any(np.asarray(rate) > 0)]


def test_own_filters_of_the_last_convolution(setting):
    prepared = METHODS["own-conv5"](setting)
    assert _free(prepared) == ["conv2_new", "fc8_new"]
    assert prepared.weights["conv2_new"][0].shape == (5, 6, 3, 3)  # 64 % of 8
    assert prepared.weights["fc8_new"][0].shape == (3, 32 + 5 * 4 + 9)


def test_own_filters_of_two_layers_read_each_other(setting):
    prepared = METHODS["widen"](setting)
    assert _free(prepared) == ["conv1_new", "conv2_new", "fc8_new"]
    assert prepared.weights["conv2_new"][0].shape == (5, 6 + 2, 3, 3)


def test_numbers_and_shares_of_filters(setting):
    prepared = METHODS["widen"](setting, filters={"conv2": 3, "conv1": 0.5})
    assert [len(prepared.weights[name][0]) for name in ("conv1_new", "conv2_new")] == [3, 3]


def test_copies_of_the_filters_with_the_lowest_h(setting, table):
    prepared = METHODS["own-conv5"](setting, filters={"conv2": 2}, init="lowest-h")
    lowest = np.sort(np.argsort(table.h[table.layer == "conv2"], kind="stable")[:2])
    np.testing.assert_array_equal(prepared.weights["conv2_new"][0], setting.model.weights["conv2"][0][lowest])
    important = METHODS["own-conv5"](setting, filters={"conv2": 2}, init="highest-taylor")
    highest = np.sort(np.argsort(-table.taylor[table.layer == "conv2"], kind="stable")[:2])
    np.testing.assert_array_equal(important.weights["conv2_new"][0], setting.model.weights["conv2"][0][highest])
    assert plan(table, 2).multipliers.keys() == {"conv1", "conv2"}


@pytest.mark.parametrize("name", ["own-conv5", "widen", "wide-head-hidden"])
def test_the_old_scores_keep_their_bits(setting, name):
    prepared = METHODS[name](setting)
    network = Network(prepared.net, weights=prepared.weights)
    for free in _free(prepared):
        for blob in network.params[free]:
            blob.data += 0.5
    batch = small_batch(4)
    before, after = (
        next(iter(each.run({"data": batch.blob}, keep=["fc8"]).values())).detach().numpy()
        for each in (small_network(), network)
    )
    np.testing.assert_array_equal(before, after)


def test_the_control_has_as_many_parameters(setting):
    def added(prepared):
        return sum(blob.size for name in _free(prepared) for blob in prepared.weights[name])

    for layers, name in ((1, "own-conv5"), (2, "widen")):
        control = METHODS["wide-head-hidden"](setting, layers=layers)
        units = control.weights["fc8_new_hidden"][0].shape[0]
        of_a_unit = 32 + 9 + 1 + 3
        assert abs(added(control) - added(METHODS[name](setting))) <= of_a_unit / 2
        assert control.notes[-1].startswith(f"a hidden layer of {units} units: {added(control)} new parameters")
        assert control.weights["fc8_new"][0].shape == (3, 32 + 9 + units)


def test_what_cannot_be_widened(setting):
    with pytest.raises(ExperimentError, match="new filters cannot start as 'lowest'; use one of fresh, lowest-h"):
        METHODS["widen"](setting, init="lowest")
    with pytest.raises(ExperimentError, match="1 or 2 of the net's 2 convolutions can be widened; got 3"):
        METHODS["widen"](setting, layers=3)
