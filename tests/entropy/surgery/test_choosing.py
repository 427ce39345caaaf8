"""Numbers of filters, and which."""

import numpy as np
import pytest

from entropy import measure
from entropy.errors import PlanError, SurgeryError
from entropy.measuring.measures import MEASURES, Source, scores_by
from entropy.surgery.choosing import choose_filters, filter_counts
from prototxt.net.graph import NetGraph
from tests.entropy.surgery.old_nets import small_net

pytestmark = pytest.mark.filterwarnings("ignore::entropy.FewImagesWarning")


@pytest.fixture(scope="module")
def table(small):
    return measure(small.scan, bins=16)


def test_counts_are_numbers_or_shares_in_the_nets_order():
    graph = NetGraph(small_net())
    assert list(filter_counts(graph, {"fc4": 0.25, "conv1": 20, "conv3": 0.01}).items()) == [
        ("conv1", 20), ("conv3", 1), ("fc4", 3),
    ]  # fmt: skip
    with pytest.raises(SurgeryError, match="got nan"):
        filter_counts(graph, {"conv1": float("nan")})


@pytest.mark.parametrize("by", ["entropy", "mean", "random", "inverse"])
@pytest.mark.parametrize("highest", [False, True])
def test_the_chosen_have_the_extreme_scores_of_their_layer(table, by, highest):
    assert by in MEASURES
    chosen = choose_filters(table, {"conv1": 3, "branch/conv2": 8}, by, highest=highest, seed=4)
    assert chosen["branch/conv2"] == tuple(range(8))
    scores = scores_by(by, Source(table, 4))[table.layer == "conv1"]
    others = np.delete(scores, chosen["conv1"])
    assert len(chosen["conv1"]) == 3
    if highest:
        assert scores[list(chosen["conv1"])].min() >= others.max()
    else:
        assert scores[list(chosen["conv1"])].max() <= others.min()


def test_what_the_table_does_not_have(table):
    with pytest.raises(SurgeryError, match="layer 'conv1': 9 filters are wanted, and the table has 8"):
        choose_filters(table, {"conv1": 9})
    with pytest.raises(SurgeryError, match="layer 'conv7': 1 filters are wanted, and the table has 0"):
        choose_filters(table, {"conv7": 1})
    with pytest.raises(PlanError, match="no Taylor importance"):
        choose_filters(table, {"conv1": 1}, "taylor", highest=True)
