"""Bins by number, width and NumPy's rules, over the range of a layer, the network or a neuron."""

import numpy as np
import pytest
import scipy.stats

from entropy import ScanError, measure
from entropy.measuring.binning import RULES
from entropy.measuring.measurement import FewImagesWarning
from entropy.measuring.scan_file import ScanTables
from entropy.measuring.streamed_means import StreamedMeans
from entropy.measuring.streaming import MeanHistograms

pytestmark = pytest.mark.filterwarnings("ignore::entropy.FewImagesWarning")


@pytest.fixture(scope="module")
def means():
    rng = np.random.default_rng(0)
    a = rng.gamma(1, 1, (3000, 5)) * rng.uniform(0.1, 2, 5)
    a[rng.random(a.shape) < 0.3] = 0
    return {"a": a.astype(np.float32), "b": rng.normal(0.3, 1, (3000, 4)).astype(np.float32)}


def streamed(means):
    found = {}
    for name, table in means.items():
        histograms = MeanHistograms.nothing(table.shape[1])
        for batch in np.array_split(table, 7):
            histograms.add(batch)
        found[name] = StreamedMeans(histograms)
    return ScanTables(found)


def groups_of(means, scope):
    """Values that share a range, and the units, as (layer, unit), that they are of."""
    units = [(name, unit) for name, table in means.items() for unit in range(table.shape[1])]
    keys = {"network": lambda _: "", "layer": lambda unit: unit[0], "neuron": lambda unit: unit}
    for key in dict.fromkeys(map(keys[scope], units)):
        members = [unit for unit in units if keys[scope](unit) == key]
        yield np.concatenate([means[name][:, unit] for name, unit in members]).astype(np.float64), members


def by_numpy(column, low, high, number):
    inside = np.clip(column.astype(np.float64), low, high)
    return scipy.stats.entropy(np.histogram(inside, number, (low, high))[0], base=2)


@pytest.mark.parametrize("scope", ["layer", "network", "neuron"])
@pytest.mark.parametrize("rule", [*RULES, 64])
def test_rules_are_numpys_over_what_shares_the_range(rule, scope, means):
    table = measure(ScanTables(means), bins=rule, scope=scope, quantile=0.99)
    for values, members in groups_of(means, scope):
        high = np.quantile(values, 0.99)
        low = np.quantile(values, 1 - 0.99) if values.min() < 0 else 0.0
        number = len(np.histogram_bin_edges(values.astype(np.float32), rule, (low, high))) - 1
        for name, unit in members:
            part = {column: values[unit] for column, values in table.of_layer(name).items()}
            assert (part["low"], part["high"]) == (low, high)
            assert part["bins"] == number
            assert part["h"] == pytest.approx(by_numpy(means[name][:, unit], low, high, number), abs=1e-12)
            assert part["h"] <= np.log2(number)


@pytest.mark.parametrize("scope", ["layer", "network", "neuron"])
def test_a_width_gives_edges_at_its_multiples(scope, means):
    table = measure(ScanTables(means), width=0.1, scope=scope)
    np.testing.assert_allclose((table.high - table.low) / table.bins, 0.1)
    np.testing.assert_allclose(table.low / 0.1, np.rint(table.low / 0.1), atol=1e-9)
    ends = measure(ScanTables(means), scope=scope)
    assert (table.high >= ends.high - 1e-9).all()
    assert (table.low <= ends.low + 1e-9).all()
    assert (table.high - ends.high < 0.1).all()
    for row, name in enumerate(table.layer):
        column = means[name][:, table.index[row]]
        expected = by_numpy(column, table.low[row], table.high[row], table.bins[row])
        assert table.h[row] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("scope", ["layer", "network", "neuron"])
@pytest.mark.parametrize("settings", [{"bins": 64}, {"bins": 256}, {"width": 0.03}])
def test_histograms_come_near_the_table(settings, scope, means):
    exact = measure(ScanTables(means), scope=scope, **settings)
    found = measure(streamed(means), scope=scope, **settings)
    greatest = np.array(
        [np.abs(means[name][:, unit]).max() for name, unit in zip(exact.layer, exact.index, strict=True)]
    )
    cell = greatest / 1024
    assert (np.abs(found.high - exact.high) <= max(cell) + settings.get("width", 0) + 1e-12).all()
    np.testing.assert_array_equal(found.zeros, exact.zeros)
    assert (np.abs(found.mean - exact.mean) <= cell).all()
    assert (np.abs(found.std - exact.std) <= cell).all()
    np.testing.assert_allclose(found.h, exact.h, atol=0.03)
    assert scipy.stats.spearmanr(found.h, exact.h).statistic > 0.97


def test_histograms_are_exact_where_bins_are_cells(means):
    """Bins of a power of two over the whole range, whose end both know."""
    for scope in ("layer", "network", "neuron"):
        settings = {"width": 2.0**-4, "quantile": 1.0, "scope": scope}
        exact, found = measure(ScanTables(means), **settings), measure(streamed(means), **settings)
        for column in ("h", "h_miller_madow", "low", "high", "bins", "zeros", "ties"):
            np.testing.assert_array_equal(getattr(found, column), getattr(exact, column), err_msg=column)


def test_a_rule_needs_the_table(means):
    with pytest.raises(ScanError, match="the scan kept histograms of them only; give a number of bins or a width"):
        measure(streamed(means), bins="fd")
    assert measure(streamed(means), bins="fd", width=0.5).bins.max() < 20


def test_dead_and_constant_units():
    table = np.zeros((100, 3), np.float32)
    table[:, 1] = 2.5
    table[:, 2] = np.arange(100)
    for tables in (ScanTables({"a": table}), streamed({"a": table})):
        for settings in ({"bins": 10}, {"width": 10.0}, {"bins": 10, "scope": "neuron"}):
            found = measure(tables, **settings)
            assert found.h[:2].tolist() == [0, 0]
            assert found.h[2] == pytest.approx(np.log2(10), abs=0.01)
            assert (found.std[:2], found.mean[1]) == (pytest.approx([0, 0]), 2.5)
            assert found.dead.tolist() == [True, False, False]


def test_the_warning_counts_the_bins_that_a_rule_gave(means):
    with pytest.warns(FewImagesWarning, match=r"3000 images are few for \d+ bins"):
        measure(ScanTables(means), width=0.01)
