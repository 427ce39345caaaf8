"""Masks with the same number of free filters, over the net or in each layer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entropy import measure
from entropy.measuring.scan_file import ScanTables
from finetune.errors import ExperimentError
from finetune.methods.parts.filters import free_counts, lowest_of_layers, lowest_of_net


def _table(seed: int):
    rng = np.random.default_rng(seed)
    units = {"conv1": 5, "conv2": 9, "conv3": 4}
    return measure(ScanTables({name: rng.gamma(1, 1, (200, size)) for name, size in units.items()}), bins=16)


TABLE = _table(0)


def test_the_lowest_of_the_net_in_words():
    scores = np.arange(18.0)[::-1]
    rates = lowest_of_net(TABLE, scores, 5)
    assert [rates[name].tolist() for name in rates] == [[0] * 5, [0] * 8 + [1], [1] * 4]


def test_equal_scores_are_taken_by_rank():
    rates = lowest_of_net(TABLE, np.zeros(18), 6)
    np.testing.assert_array_equal(np.concatenate(list(rates.values())), TABLE.rank <= 6)


@given(
    scores=st.lists(st.integers(0, 4), min_size=18, max_size=18),
    counts=st.tuples(*map(st.integers, [0] * 3, [5, 9, 4])),
)
def test_as_many_in_each_layer_as_wished_and_none_of_them_above_a_frozen_one(scores, counts):
    wished = dict(zip(TABLE.layers, counts, strict=True))
    rates = lowest_of_layers(TABLE, np.array(scores, float), wished)
    assert free_counts(rates) == wished
    for name, of_layer in rates.items():
        own = np.array(scores)[TABLE.layer == name]
        free, frozen = own[of_layer == 1], own[of_layer == 0]
        assert not len(free) or not len(frozen) or free.max() <= frozen.min()


@given(count=st.integers(0, 18), seed=st.integers(0, 5))
def test_over_the_net_the_count_is_met(count, seed):
    rates = lowest_of_net(TABLE, np.random.default_rng(seed).random(18), count)
    assert sum(free_counts(rates).values()) == count


def test_a_layer_has_no_more_filters_than_it_has():
    with pytest.raises(ExperimentError, match="layer 'conv3' has 4 filters in the table; 5 cannot be free"):
        lowest_of_layers(TABLE, np.zeros(18), {"conv3": 5})
