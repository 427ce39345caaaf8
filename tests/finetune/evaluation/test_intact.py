"""A net that still has the source net inside need not be asked about the old task again."""

from __future__ import annotations

import numpy as np
import pytest

from finetune.evaluation.filter_changes import Net
from finetune.evaluation.intact import Intact
from finetune.evaluation.scores import Scorer
from finetune.methods import METHODS
from prototxt.common.progress import with_bar
from tests.finetune.conftest import PIXELS


@pytest.fixture
def intact(model) -> Intact:
    return Intact(Net(model.test_net, model.weights), PIXELS)


def trained(setting, method: str):
    """A net as the method prepares it, its new layers as their fillers made them, and the blobs of both heads."""
    prepared = METHODS[method](setting)
    return Net(
        prepared.net, {name: [blob.copy() for blob in blobs] for name, blobs in prepared.weights.items()}
    ), prepared


@pytest.mark.parametrize("method", ["head-only", "wide-head", "own-fc"])
def test_a_head_on_a_frozen_net_has_it_inside(method, setting, intact, model, source):
    net, prepared = trained(setting, method)
    assert intact.is_in(net, prepared.old_output)
    assert not intact.is_in(net, prepared.new_output)
    again = with_bar(Scorer(net.net, net.weights, PIXELS).scoring(source.test, prepared.old_output), quiet=True)
    kept = with_bar(intact.scoring("test", source.test, "centre"), quiet=True)
    assert np.array_equal(again.logits, kept.logits)


@pytest.mark.parametrize("layer", ["conv1", "bn2", "fc4"])
def test_one_bit_of_one_weight_is_enough_to_tell(layer, setting, intact):
    net, prepared = trained(setting, "fine-tuning")
    assert intact.is_in(net, prepared.old_output)
    blob = net.weights[layer][-1].reshape(-1)
    blob[0] = np.nextafter(blob[0], np.float32(9))
    assert not intact.is_in(net, prepared.old_output)


def test_another_computation_with_the_same_weights_is_told(setting, intact):
    net, prepared = trained(setting, "head-only")
    next(layer for layer in net.net.layer if layer.name == "pool2").pooling_param.kernel_size = 1
    assert not intact.is_in(net, prepared.old_output)


def test_it_is_computed_once(intact, source):
    first = with_bar(intact.scoring("test", source.test, "centre"), quiet=True)
    assert list(intact.scoring("test", source.test, "centre")) == []
    assert first is with_bar(intact.scoring("test", source.test, "centre"), quiet=True)
    train, test = source.train, source.test
    probed = with_bar(intact.probing("ridge", train, test, "ridge"), quiet=True)
    assert list(intact.probing("ridge", train, test, "ridge")) == []
    assert 0 < probed <= 1
