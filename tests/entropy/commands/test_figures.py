"""What the figures show is what was measured."""

import shutil

import h5py
import matplotlib.image
import numpy as np
import pytest

from entropy import PlanError, ScanError, measure, plan
from entropy.__main__ import main
from entropy.commands import figures
from entropy.measuring.scan_file import read_means
from entropy.planning.transfer import TRANSFER


@pytest.fixture
def table(small):
    return measure(small.scan, bins=16)


def test_the_histograms_have_the_bins_of_h(table, small):
    units = figures.extreme_units(table)
    figure = figures.draw_histograms(table, small.scan, units)
    for axis, (layer, index) in zip(figure.axes, units, strict=True):
        (stairs,) = axis.patches
        shares, edges, _ = stairs.get_data()
        shares = shares[shares > 0] / 100
        assert -(shares * np.log2(shares)).sum() == pytest.approx(table.of_layer(layer)["h"][index])
        assert (edges[0], edges[-1]) == table.provenance.ranges[layer]


def test_the_extreme_units_are_alive(table):
    (layer, low), (_, high) = figures.extreme_units(table)
    h = table.of_layer(layer)["h"]
    assert h[high] == h.max()
    assert h[low] == np.delete(h, 3).min()  # unit 3 is dead


def test_the_soft_functions():
    lines = figures.draw_soft_functions().axes[0].lines
    assert len(lines) == 3
    for line, method in zip(lines, (4, 5, 6), strict=True):
        x = line.get_xdata()
        np.testing.assert_array_equal(line.get_ydata(), TRANSFER[method].function(x, np.ones_like(x)))


def test_the_hard_functions_step_at_their_thresholds(table):
    axes = figures.draw_hard_functions(table).axes
    assert [axis.lines[0].get_xdata()[1] for axis in axes] == [plan(table, method).threshold for method in (1, 2, 3)]


def test_the_distributions_hold_every_filter_and_the_thresholds(table):
    figure = figures.draw_distributions(table)
    assert [sum(bar.get_height() for bar in axis.patches) for axis in figure.axes] == [8, 8]
    made = plan(table, 1, quantile=0.3, quantile_of="layer")
    figure = figures.draw_distributions(table, made)
    for axis, name in zip(figure.axes, table.layers, strict=True):
        (line,) = axis.lines
        assert set(line.get_xdata()) == {made.thresholds[name]}
    soft = figures.draw_distributions(table, plan(table, 5))  # it has no threshold of its own
    assert len(soft.axes[0].lines) == 3


def test_the_distributions_of_the_corrected_h(table):
    made = plan(table, 1, by="miller-madow")
    figure = figures.draw_distributions(table, made)
    assert [sum(bar.get_height() for bar in axis.patches) for axis in figure.axes] == [8, 8]
    free = {name: int(rates.sum()) for name, rates in made.multipliers.items()}
    assert [axis.get_title(loc="left") for axis in figure.axes] == [f"{name}: {free[name]} of 8 free" for name in free]


def test_every_soft_function_is_set():
    assert list(figures.SET) == [method for method, transfer in TRANSFER.items() if not transfer.hard]


def test_what_does_not_fit(table, small, tmp_path):
    with pytest.raises(PlanError, match="made by std"):
        figures.draw_distributions(table, plan(table, 1, by="std"))
    with pytest.raises(ScanError, match="no unit 8 of layer 'conv1'"):
        figures.draw_histograms(table, small.scan, [("conv1", 8)])
    with pytest.raises(ScanError, match="none of its filters"):
        figures.extreme_units(table, "conv9")
    path = shutil.copy(small.scan, tmp_path / "scan.h5")
    with h5py.File(path, "a") as file:
        file.attrs["images_hash"] = "others"
    with pytest.raises(ScanError, match="measured from another scan"):
        figures.draw_histograms(table, path, [("conv1", 0)])


@pytest.mark.parametrize("scope", ["network", "neuron"])
def test_the_range_of_a_histogram_follows_the_scope(scope, small):
    table = measure(small.scan, bins=16, scope=scope)
    figure = figures.draw_histograms(table, small.scan, [("conv1", 2)])
    shares = figure.axes[0].patches[0].get_data().values / 100
    shares = shares[shares > 0]
    assert -(shares * np.log2(shares)).sum() == pytest.approx(table.h[2])
    assert read_means(small.scan).means["conv1"].images == 400


def test_the_command(table, small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    table.write_csv("entropy.csv")
    main(["plot", "entropy.csv", "--scan", str(small.scan), "--units", "conv1", "0", "branch/conv2", "7"])
    written = capsys.readouterr().out.split()[1::2]
    assert len(written) == 4
    for path in written:
        assert matplotlib.image.imread(path).std() > 0.05  # something is drawn
    for form in ("svg", "pdf"):
        main(["plot", "entropy.csv", "--format", form, "--out", form])
        assert [path.suffix for path in (tmp_path / form).iterdir()] == [f".{form}"] * 3
    with pytest.raises(SystemExit) as stop:
        main(["plot", "entropy.csv", "--units", "conv1", "0", "--out", "none"])
    assert stop.value.code == 2
    assert not (tmp_path / "none").exists()
