"""The figures of the method: histograms of units, transfer functions, H of every layer (Basarte, 2019, ch. 3 and 4)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from entropy.binning import as_means
from entropy.errors import PlanError, ScanError
from entropy.histograms import Binning
from entropy.planning import Plan
from entropy.scan_file import read_means
from entropy.table import Table
from entropy.transfer import TRANSFER, solve_threshold
from prototxt import atomic

FORMATS = ("png", "svg")
Unit = tuple[str, int]


def save(figure: Figure, path: Path) -> None:
    """Write a figure, whole or not at all; the ending of the name says the format (`FORMATS`)."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix[1:], dpi=150)
    atomic.write_bytes(path, buffer.getvalue())


def thresholds_of(table: Table, plan: Plan | None) -> dict[str, dict[str, float]]:
    """Give the thresholds to draw: label to layer to bits.

    A plan's own; without one (or with one of a soft function) those that methods 1-3 solve for in this table.

    Raises
    ------
    PlanError : the plan's thresholds are of something else than H.
    """
    if plan is not None and plan.by != "entropy":
        raise PlanError(f"this plan was made by {plan.by} in place of H, so its threshold has no place among H; give "
                        "a plan made from H, or none")  # fmt: skip
    if plan is not None and (plan.thresholds or plan.threshold is not None):
        of_layers = plan.thresholds or dict.fromkeys(table.layers, float(plan.threshold or 0.0))
        name = f"method {plan.method}" if plan.method else "threshold"
        return {f"{name}, {plan.share_free:.2%} free": of_layers}
    found = {}
    for method, transfer in TRANSFER.items():
        if transfer.default_share is not None:
            value = solve_threshold(table.h, transfer.default_share)
            found[f"method {method}, {(table.h < value).mean():.2%} free"] = dict.fromkeys(table.layers, value)
    return found


def extreme_units(table: Table, layer: str | None = None) -> tuple[Unit, Unit]:
    """Pick the living filters with the smallest and the largest H, of one layer (by default the first)."""
    layer = layer or table.layers[0]
    rows = np.flatnonzero((table.layer == layer) & ~table.dead)
    if not len(rows):
        raise ScanError(f"layer {layer!r}: none of its filters is ever active, or there is no such layer in the table")
    low, high = rows[np.argmin(table.h[rows])], rows[np.argmax(table.h[rows])]
    return (layer, int(table.index[low])), (layer, int(table.index[high]))


def draw_histograms(table: Table, scan: Path | str, units: Sequence[Unit]) -> Figure:
    """Histograms of some units' mean activations, with the bins that H was measured with (Figure 3.5).

    Raises
    ------
    ScanError : the scan is not the one that the table was measured from, or a unit is not in the table.
    """
    source = table.provenance
    for layer, index in units:
        if layer not in table.layers or not 0 <= index < (table.layer == layer).sum():
            raise ScanError(f"the table has no unit {index} of layer {layer!r}; its layers: {', '.join(table.layers)}")
    tables = read_means(scan, tuple({layer for layer, _ in units}), source.after)
    if (tables.model_hash, tables.images_hash) != (source.model_hash, source.images_hash):
        raise ScanError(f"{scan}: the table was measured from another scan (other weights or images); measure again")
    figure = Figure(figsize=(4.5 * len(units), 3.4), layout="constrained")
    axes = figure.subplots(1, len(units), squeeze=False)[0]
    for axis, (layer, index) in zip(axes, units, strict=True):
        part = table.of_layer(layer)
        low, high, bins = (part[name][index] for name in ("low", "high", "bins"))
        binning = Binning(part["low"], part["high"], part["bins"])
        counts = as_means(tables.means[layer], layer).measure(binning).counts[index, :bins]
        axis.stairs(100 * counts / source.images, np.linspace(low, high, bins + 1), fill=True)
        axis.set_title(f"{layer}, unit {index}\nH = {part['h'][index]:.3f} bits", fontsize=10)
        axis.set_xlabel("mean activation")
        axis.set_xlim(low, high if high > low else low + 1)
    axes[0].set_ylabel("share of images, %")
    return figure


def draw_hard_functions(table: Table) -> Figure:
    """The threshold functions f1 to f3 over H in bits, as this table solves them (Figure 4.3)."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axis = figure.subplots()
    end = float(max(table.h.max(), 1e-9)) * 1.05
    for number, (label, of_layers) in enumerate(thresholds_of(table, None).items()):
        threshold = next(iter(of_layers.values()))
        # The wider lines lie below, since all are 1 and then all 0.
        axis.step([0, threshold, end], [1, 0, 0], where="post", label=label, linewidth=4.5 - 1.5 * number)
    axis.set(xlabel="H, bits", ylabel="learning-rate multiplier", xlim=(0, end), ylim=(-0.05, 1.1))
    axis.legend(fontsize=9)
    return figure


def draw_soft_functions() -> Figure:
    """The functions f4 to f6 over H / Hmax (Figure 4.4)."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axis = figure.subplots()
    ratio = np.linspace(0, 1, 201)
    for method, transfer in TRANSFER.items():
        if not transfer.hard:
            axis.plot(ratio, transfer.function(ratio, np.ones_like(ratio)), label=f"f{method}: {transfer.formula}")
    axis.set(xlabel="H / Hmax", ylabel="learning-rate multiplier", xlim=(0, 1), ylim=(-0.02, 1.05))
    axis.legend(fontsize=9)
    return figure


def draw_distributions(table: Table, plan: Plan | None = None) -> Figure:
    """How H is distributed in every layer, with the thresholds; what lies to their left is free."""
    layers = table.layers
    figure = Figure(figsize=(7, 1 + 1.1 * len(layers)), layout="constrained")
    axes = figure.subplots(len(layers), 1, sharex=True, squeeze=False)[:, 0]
    lines = thresholds_of(table, plan)
    lowest = min(table.h.min(), *(min(of_layers.values()) for of_layers in lines.values()))
    edges = np.linspace(max(np.floor(lowest), 0), np.log2(table.bins.max()), 81)
    for axis, name in zip(axes, layers, strict=True):
        h = table.of_layer(name)["h"]
        axis.hist(h, edges, color="0.7")
        for number, (label, of_layers) in enumerate(lines.items()):
            axis.axvline(of_layers[name], color=f"C{number}", label=label, linewidth=1.2)
        axis.set_ylabel("filters")
        axis.text(0.01, 0.86, f"{name}, {len(h)}", transform=axis.transAxes, va="top", fontsize=9)
    axes[0].set_xlim(edges[0], edges[-1])
    axes[-1].set_xlabel("H, bits")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=9)
    return figure
