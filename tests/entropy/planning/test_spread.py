"""What is said of plans whose free filters are all in one place."""

import numpy as np
import pytest

from entropy import measure, plan
from entropy.planning.plan import LayerPlan
from entropy.planning.spread import odd_spread
from prototxt.formats.text import read_net

pytestmark = pytest.mark.filterwarnings("ignore::entropy.FewImagesWarning")


@pytest.fixture(scope="module")
def table(small):
    return measure(small.scan, bins=16)


def with_rates(made, **rates):
    layers = {name: LayerPlan(requested=tuple(values), realised=tuple(values)) for name, values in rates.items()}
    return made.model_copy(update={"layers": layers})


def test_layers_without_free_filters_are_named(table, small):
    made = with_rates(plan(table, 2), conv1=[0, 0], fc3=[0.0, 1])
    assert [sentence.split(":")[0] for sentence in odd_spread(made)] == ["the threshold leaves no free filter in conv1"]
    found = odd_spread(made, read_net(small.net))
    assert len(found) == 2
    assert found[1].startswith("the threshold frees units of fully connected layers only")


def test_nothing_is_said_where_every_layer_has_some_or_none_was_to_have_any(table, small):
    net = read_net(small.net)
    assert odd_spread(with_rates(plan(table, 2), conv1=[0, 1], fc3=[0.0, 1]), net) == []
    assert odd_spread(with_rates(plan(table, 2), conv1=[0, 0], fc3=[0.0, 0]), net) == []
    assert odd_spread(plan(table, 6), net) == []
    by_layer = plan(table, 2, layers_share={"fc3": 0.5} if "fc3" in table.layers else {"conv1": 0.5})
    assert by_layer.threshold is None
    assert odd_spread(by_layer, net) == []


def test_fully_connected_units_alone_in_a_table(table, small):
    made = with_rates(plan(table, 2), fc3=[0.0, 1])
    assert odd_spread(made, read_net(small.net)) == []
    assert np.mean(made.multipliers["fc3"]) == 0.5
