"""Plans and their file."""

import json

import numpy as np
import pytest

from entropy import PlanError, measure, plan, read_plan


@pytest.fixture
def table(small):
    return measure(small.scan, bins=16)


def test_a_hard_plan_frees_what_is_below_the_threshold(table):
    made = plan(table, 2, threshold=2.5)
    rates = np.concatenate(list(made.multipliers.values()))
    np.testing.assert_array_equal(rates, (table.h < 2.5).astype(float))
    assert (made.threshold, made.share_wanted) == (2.5, None)
    assert made.share_free == rates.mean()
    assert made.weights_hash == table.provenance.model_hash


@pytest.mark.parametrize(("method", "free"), [(1, 6), (2, 2), (3, 1)])
def test_the_default_shares_are_of_the_whole_net(method, free, table):
    made = plan(table, method)
    assert sum(rates.sum() for rates in made.multipliers.values()) == free  # of 16 filters: 40, 15, 8.5 %


def test_every_layer_may_have_a_share_of_its_own(table):
    shares = {"conv1": 0.25, "branch/conv2": 0.5}
    made = plan(table, 2, layers_share=shares)
    assert {name: rates.mean() for name, rates in made.multipliers.items()} == shares
    for name in shares:
        h, free = table.of_layer(name)["h"], made.multipliers[name] > 0
        assert h[free].max() < h[~free].min()
        assert h[free].max() < made.thresholds[name] <= h[~free].min()
    alone = plan(table, 2, layers_share={"conv1": 1.0})
    assert [rates.mean() for rates in alone.multipliers.values()] == [1, 0]
    assert (alone.threshold, alone.share_wanted) == (None, None)


def test_soft_plans_take_hmax_of_the_layer_or_the_network(table):
    layer, network = plan(table, 5, levels=None), plan(table, 5, levels=None, hmax="network")
    for name in table.layers:
        h = table.of_layer(name)["h"]
        np.testing.assert_allclose(layer.multipliers[name], 1 - h / h.max(), atol=1e-7)
        np.testing.assert_allclose(network.multipliers[name], 1 - h / table.h.max(), atol=1e-7)


def test_hmax_may_be_what_the_bins_allow(table):
    for by, h in (("entropy", table.h), ("miller-madow", table.h_miller_madow)):
        made = plan(table, 5, by=by, levels=None, hmax="bins")
        rates = np.concatenate(list(made.multipliers.values()))
        np.testing.assert_allclose(rates, np.maximum(1 - h / 4, 0), atol=1e-7)
    with pytest.raises(PlanError, match="the bins limit H, not mean activation"):
        plan(table, 5, by="mean", hmax="bins")


def test_a_plan_may_be_made_from_the_corrected_h(small):
    """The correction is larger for filters that occupy more bins: with few images it moves thresholds."""
    table = measure(small.scan, bins=32)
    plain, corrected = plan(table, 1, levels=None), plan(table, 1, by="miller-madow", levels=None)
    assert corrected.threshold > plain.threshold
    rates = np.concatenate(list(corrected.multipliers.values()))
    np.testing.assert_array_equal(rates, table.h_miller_madow < corrected.threshold)


def test_the_scope_of_the_range_is_the_default_scope_of_hmax(small):
    assert plan(measure(small.scan, bins=16, scope="network"), 4).hmax == "network"


def test_quantiser_errors_are_kept(table):
    made = plan(table, 6, levels=3)
    for name, error in made.errors.items():
        wanted, got = (np.array(values) for values in made.layers[name].model_dump().values())
        assert error.largest == np.abs(wanted - got).max() > 0


def test_the_file_comes_back_the_same_and_is_readable(table, tmp_path):
    made = plan(table, 5)
    made.write(tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == made
    text = (tmp_path / "plan.json").read_text()
    assert len(text.splitlines()) < 45  # every list of numbers is one line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": 7}, "there is no method 7; use one of 1, 2, 3, 4, 5, 6"),
        ({"method": 1, "threshold": 1, "share": 0.1}, "not both"),
        ({"method": 1, "threshold": float("nan")}, "must be a number"),
        ({"method": 4, "share": 0.1}, "has no threshold"),
        ({"method": 4, "layers_share": {"conv1": 0.1}}, "has no threshold; leave out the layers_share"),
        ({"method": 1, "layers_share": {"conv1": 1.1}}, "between 0 and 1; got 1.1"),
        ({"method": 1, "layers_share": {"conv7": 0.1}}, "no layer 'conv7' to give a share to; it has conv1, branch"),
        ({"method": 1, "layers_share": {"conv1": 0.1}, "share": 0.1}, "not both share and layers_share"),
        ({"method": 4, "levels": 2}, "at least 3"),
    ],
)
def test_arguments_that_do_not_fit(arguments, message, table):
    with pytest.raises(PlanError, match=message):
        plan(table, **arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": 1}, "colour: Extra inputs"),
        ({"version": 2}, "version"),
        ({"method": "two"}, "method"),
        ({"layers": {"conv1": {"requested": [1], "realised": [1, 0]}}}, "'conv1' has 1 requested and 2 realised"),
    ],
)
def test_a_file_that_is_no_plan(change, message, table, tmp_path):
    content = json.loads(plan(table, 1).to_json()) | change
    (tmp_path / "plan.json").write_text(json.dumps(content))
    with pytest.raises(PlanError, match=message):
        read_plan(tmp_path / "plan.json")


def test_a_missing_or_truncated_file(table, tmp_path):
    with pytest.raises(PlanError, match="cannot be read"):
        read_plan(tmp_path / "plan.json")
    (tmp_path / "plan.json").write_text(plan(table, 1).to_json()[:100])
    with pytest.raises(PlanError, match="Invalid JSON"):
        read_plan(tmp_path / "plan.json")
