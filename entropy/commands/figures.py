"""The figures of the method: histograms of units, transfer functions, H of every layer (Basarte, 2019, ch. 3 and 4)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from entropy.errors import PlanError, ScanError
from entropy.measuring.binning import as_means
from entropy.measuring.histograms import Binning
from entropy.measuring.scan_file import read_means
from entropy.measuring.table import Table
from entropy.planning.plan import Plan
from entropy.planning.transfer import TRANSFER, solve_threshold
from prototxt.common import atomic

FORMATS = ("png", "svg", "pdf")
COLOURS = ("#0072B2", "#D55E00", "#009E73")  # of Okabe and Ito (2008): told apart by the colour-blind too
STEP = 0.1  # bits, width of the bars in the distribution of H
Unit = tuple[str, int]


def save(figure: Figure, path: Path) -> None:
    """Write a figure, whole or not at all; the ending of the name says the format (`FORMATS`)."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix[1:], dpi=200)
    atomic.write_bytes(path, buffer.getvalue())


def thresholds_of(table: Table, plan: Plan | None) -> dict[str, dict[str, float]]:
    """Give the thresholds to draw: label to layer to bits.

    A plan's own; without one (or with one of a soft function) those that methods 1-3 solve for in this table.

    Raises
    ------
    PlanError : the plan's thresholds are of something else than H.
    """
    _h_of(table, plan)
    if plan is not None and (plan.thresholds or plan.threshold is not None):
        of_layers = plan.thresholds or dict.fromkeys(table.layers, float(plan.threshold or 0.0))
        name = f"method {plan.method}" if plan.method else "threshold"
        return {f"{name}: {_percent(plan.share_free)} free": of_layers}
    found = {}
    for method, transfer in TRANSFER.items():
        if transfer.default_share is not None:
            value = solve_threshold(table.h, transfer.default_share)
            label = f"method {method}: {_percent(float((table.h < value).mean()))} free"
            found[label] = dict.fromkeys(table.layers, value)
    return found


def _h_of(table: Table, plan: Plan | None) -> NDArray[np.float64]:
    """The H that a plan was made from; a `PlanError` if it was made from something else."""
    if plan is None or plan.by == "entropy":
        return table.h
    if plan.by == "miller-madow":
        return table.h_miller_madow
    raise PlanError(
        f"this plan was made by {plan.by} in place of H, so its threshold has no place among H; give a plan made from "
        "H, or none"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _axes(figure: Figure, rows: int, columns: int, sharex: bool = False, sharey: bool = False) -> list[Axes]:
    """Empty axes, row by row, with nothing around them that is not needed."""
    axes = figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey).ravel().tolist()
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    return axes


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
    figure = Figure(figsize=(3.5 * len(units), 2.7), layout="constrained")
    for axis, (layer, index) in zip(_axes(figure, 1, len(units)), units, strict=True):
        part = table.of_layer(layer)
        low, high, bins = (part[name][index] for name in ("low", "high", "bins"))
        binning = Binning(part["low"], part["high"], part["bins"])
        counts = as_means(tables.means[layer], layer).measure(binning).counts[index, :bins]
        axis.stairs(100 * counts / source.images, np.linspace(low, high, bins + 1), fill=True, color=COLOURS[0])
        axis.set_title(f"{layer}, unit {index}: H = {part['h'][index]:.2f} bits", fontsize=9, loc="left")
        axis.set_xlabel("mean activation (the last bin holds all above)", fontsize=8)
        axis.set_xlim(low, high if high > low else low + 1)
        axis.xaxis.set_major_locator(MaxNLocator(6))
    figure.axes[0].set_ylabel("share of images (%)", fontsize=8)
    return figure


def draw_hard_functions(table: Table) -> Figure:
    """The threshold functions f1 to f3 over H in bits, as this table solves them (Figure 4.3)."""
    figure = Figure(figsize=(7, 2.3), layout="constrained")
    end = float(max(table.h.max(), 1e-9)) * 1.05
    found = thresholds_of(table, None)
    for number, (axis, label) in enumerate(zip(_axes(figure, 1, len(found), sharey=True), found, strict=True)):
        threshold = next(iter(found[label].values()))
        axis.step(
            [0, threshold, end], [1, 0, 0], where="post", color=COLOURS[number], linewidth=1.8, clip_on=False, zorder=3
        )
        axis.fill_between([0, threshold], [1, 1], color=COLOURS[number], alpha=0.12, linewidth=0)
        side = "left" if threshold < end / 2 else "right"  # where there is more room
        axis.annotate(f" th = {threshold:.2f} ", (threshold, 0.5), fontsize=8, ha=side)
        axis.set_title(label.replace("method ", "f"), fontsize=9, loc="left")
        axis.set(xlim=(0, end), ylim=(0, 1.1))
        axis.set_xlabel("H (bits)", fontsize=8)
    figure.axes[0].set_ylabel("multiplier of the learning rate", fontsize=8)
    return figure


# How the formulas of `TRANSFER` are set.
SET = {4: r"$1-(H/H_{\max})^2$", 5: r"$1-H/H_{\max}$", 6: r"$\exp(-2\,H/H_{\max})$"}


def draw_soft_functions() -> Figure:
    """The functions f4 to f6 over H / Hmax (Figure 4.4)."""
    figure = Figure(figsize=(4.5, 3), layout="constrained")
    (axis,) = _axes(figure, 1, 1)
    ratio = np.linspace(0, 1, 201)
    for colour, (method, formula) in zip(COLOURS, SET.items(), strict=True):
        rates = TRANSFER[method].function(ratio, np.ones_like(ratio))
        axis.plot(ratio, rates, label=f"f{method}: {formula}", color=colour, clip_on=False)
    axis.set(xlim=(0, 1), ylim=(0, 1.02))
    axis.set_xlabel(r"$H/H_{\max}$", fontsize=9)
    axis.set_ylabel("multiplier of the learning rate", fontsize=8)
    axis.legend(fontsize=8, frameon=False)
    return figure


def draw_distributions(table: Table, plan: Plan | None = None) -> Figure:
    """How H is distributed in every layer, with the thresholds; what lies to their left is free."""
    layers, lines, scores = table.layers, thresholds_of(table, plan), _h_of(table, plan)
    figure = Figure(figsize=(7, 0.9 + 1.05 * len(layers)), layout="constrained")
    axes = _axes(figure, len(layers), 1, sharex=True)
    lowest = min(scores.min(), *(min(of_layers.values()) for of_layers in lines.values()))
    highest = max(np.log2(table.bins.max()), scores.max())
    edges = np.arange(max(np.floor(lowest), 0), highest + STEP, STEP)
    for axis, name in zip(axes, layers, strict=True):
        h = scores[table.layer == name]
        axis.hist(h, edges.tolist(), color="0.75")
        for colour, (label, of_layers) in zip(COLOURS, lines.items(), strict=False):
            axis.axvline(of_layers[name], color=colour, label=label, linewidth=1.4)
        free = " / ".join(str(int((h < of_layers[name]).sum())) for of_layers in lines.values())
        axis.set_title(f"{name}: {free} of {len(h)} free", fontsize=9, loc="left", pad=3)
        axis.set_ylabel("filters", fontsize=8)
        axis.yaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
    axes[0].set_xlim(edges[0], highest)
    figure.align_ylabels(axes)
    axes[-1].set_xlabel("H (bits)", fontsize=8)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    return figure
