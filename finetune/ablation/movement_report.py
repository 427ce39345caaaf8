"""The section of an ablation's report that asks whether H had said which filters plain fine-tuning would move."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from finetune.ablation.movement import OUTCOMES, Movement
from finetune.ablation.titles import title_of
from finetune.statistics.uncertainty import Estimate
from prototxt.common.atomic import write_bytes

H = "entropy"
HOW = """Plain fine-tuning for {task}, seeds {seeds}: rank correlation (Spearman) of what a measure says before with
what a filter did afterwards: the change of its weights, relative to their length, and of its mean activation on old
test images, in standard deviations. Below 0: filters with low values moved more. Within layers: the mean of the layers'
correlations. In brackets 95 % intervals (bootstrap over the filters of each layer and the seeds); not corrected for
their number."""


def movement_section(movement: Movement, figure: str) -> str:
    """Give the section as Markdown.

    Parameters
    ----------
    figure : file name of what `draw_movement` drew.
    """
    seeds = ", ".join(map(str, movement.seeds))
    columns = [(title, where) for title in OUTCOMES.values() for where in ("within layers", "whole net")]
    lines = [
        *("### Does H say which filters move?", "", HOW.format(task=movement.task, seeds=seeds), ""),
        *(f"![movement]({figure})", ""),
        "| measure | " + " | ".join(f"{title}, {where}" for title, where in columns) + " |",
        "|---|" + "---:|" * len(columns),
    ]
    for measure in movement.within[next(iter(OUTCOMES))]:
        cells = [_cell(part[name][measure]) for name in OUTCOMES for part in (movement.within, movement.whole)]
        lines.append(f"| {title_of(measure)} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *(_verdict(movement, name) for name in OUTCOMES)]) + "\n"


def _cell(estimate: Estimate) -> str:
    if not np.isfinite(estimate.value):
        return "–"
    return f"{estimate.value:+.2f} ({estimate.low:+.2f} … {estimate.high:+.2f})"


def _verdict(movement: Movement, name: str) -> str:
    """What the interval within layers says to the claim that filters with low H move more."""
    found = movement.within[name][H]
    word = "held" if found.high < 0 else "not held" if found.low >= 0 else "undecided"
    return f"Filters with low H move more ({OUTCOMES[name]}, within layers): **{word}**, {_cell(found)}."


def draw_movement(movement: Movement, h: np.ndarray, file: Path) -> None:
    """Draw the change of weights against H, a panel for every layer, and the correlations of all measures.

    Parameters
    ----------
    h : (filters,) H in bits.
    """
    layers = list(dict.fromkeys(movement.layers.tolist()))
    columns = min(5, len(layers))
    rows = -(-len(layers) // columns)
    figure = Figure(figsize=(2.5 * columns + 1, 2.3 * rows + 3.4), layout="constrained")
    parts: np.ndarray = np.asarray(figure.subfigures(2, 1, height_ratios=(2.3 * rows, 3.4)))
    above, below = parts
    axes = above.subplots(rows, columns, squeeze=False).ravel()
    changes = movement.changes["weight_change"].mean(0)
    for axis, layer in zip(axes, layers, strict=False):
        mask = movement.layers == layer
        axis.plot(h[mask], changes[mask], ".", markersize=3, color="#0072B2")
        axis.set_title(layer, fontsize=9, loc="left")
        axis.tick_params(labelsize=7)
    for axis in axes[len(layers) :]:
        axis.set_visible(False)
    above.supxlabel("H, bits", fontsize=9)
    above.supylabel("change of weights", fontsize=9)
    _draw_correlations(below, movement)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    write_bytes(file, buffer.getvalue())


def _draw_correlations(figure: object, movement: Movement) -> None:
    axis = figure.subplots()  # type: ignore[attr-defined]
    measures = list(movement.within[next(iter(OUTCOMES))])
    for offset, colour, (name, title) in zip((-0.15, 0.15), ("#0072B2", "#D55E00"), OUTCOMES.items(), strict=True):
        found = [movement.within[name][measure] for measure in measures]
        values, low, high = np.array([(each.value, each.low, each.high) for each in found]).T
        places = np.arange(len(measures)) + offset
        error = np.clip([values - low, high - values], 0, None)
        axis.errorbar(places, values, error, fmt="o", markersize=4, color=colour, linewidth=1, label=title)
    axis.axhline(0, color="black", linewidth=0.6)
    axis.set_xticks(
        np.arange(len(measures)), [title_of(each) for each in measures], rotation=30, ha="right", fontsize=8
    )
    axis.set_ylabel("rank correlation within layers", fontsize=9)
    axis.legend(frameon=False, fontsize=8)
