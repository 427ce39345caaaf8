"""The figures of a study's report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from finetune.evaluation.confusion import Confusion
from finetune.results.reading import Baseline, Results
from finetune.results.summary import Mean, Summary
from prototxt.common.atomic import atomic_path

FORMATS = ("png", "svg")
CURVES = {
    "loss": "training loss",
    "validation_loss": "loss on validation images",
    "validation": "accuracy on validation images, %",
    "target": "accuracy on the new task, %",
    "source": "on the old task, %",
}
LOSSES = ("loss", "validation_loss")
OLD, NEW = "#1b6ca8", "#e07a1f"
MOST_CURVES = 12
MOST_ACROSS = 3  # panels side by side
MOST_NAMED = 20  # classes whose names and numbers can be read


def draw_losses(rows: Sequence[Summary], stem: Path) -> None:
    """Bars of what was forgotten of the old task and is missing of the new one, as in Basarte's figures 4.6 and 4.8."""
    shown = [row for row in rows if row.source_loss]
    bars = [("old task: forgotten", OLD, [row.source_loss for row in shown])]
    if any(row.target_loss for row in shown):
        bars.append(("new task: missing", NEW, [row.target_loss for row in shown]))
    with _figure(stem, (max(6.0, 0.4 * len(shown) + 2), 4)) as figure:
        axes = figure.subplots()
        places, width = np.arange(len(shown)), 0.8 / len(bars)
        for number, (label, colour, means) in enumerate(bars):
            values = [100 * mean.value if mean else np.nan for mean in means]
            errors = [_error(mean) if mean else 0.0 for mean in means]
            offset = width * (number - (len(bars) - 1) / 2)
            axes.bar(
                places + offset, values, width, yerr=errors, color=colour, label=label, error_kw={"linewidth": 0.8}
            )
        axes.set_xticks(places, [row.row for row in shown], rotation=40, ha="right")
        axes.set_ylabel("loss of accuracy, points")
        axes.axhline(0, color="black", linewidth=0.6)
        axes.legend(frameon=False)


def draw_pareto(rows: Sequence[Summary], baseline: Baseline, stem: Path) -> None:
    """Accuracy on the old task against accuracy on the new one, with standard errors; right and up is better."""
    with _figure(stem, (8, max(4.5, 0.17 * len(rows) + 1))) as figure:
        axes = figure.subplots()
        best = _not_dominated(rows)
        for number, row in enumerate(rows):
            if row.source is None or row.target is None:
                continue
            place, colour = (100 * row.target.value, 100 * row.source.value), OLD if number in best else "#888888"
            axes.errorbar(
                *place,
                xerr=_error(row.target),
                yerr=_error(row.source),
                fmt="o",
                color=colour,
                markersize=4,
                linewidth=0.8,
                label=f"{number + 1}  {row.row}",
            )
            below = -9 if number % 2 else 3  # numbers of points that lie together stay readable
            axes.annotate(str(number + 1), place, (3, below), textcoords="offset points", fontsize=7, color=colour)
        axes.axhline(100 * baseline.source, color="black", linewidth=0.6, linestyle=":")
        axes.set(xlabel="accuracy on the new task, %", ylabel="accuracy on the old task, % (dotted: before)")
        axes.legend(frameon=False, fontsize=7, bbox_to_anchor=(1.02, 1), loc="upper left", handletextpad=0.2)


def _error(mean: Mean) -> float:
    return 0.0 if mean.error != mean.error else 100 * mean.error


def _not_dominated(rows: Sequence[Summary]) -> set[int]:
    """Rows than which no other is better on both tasks."""
    points = {n: (row.source.value, row.target.value) for n, row in enumerate(rows) if row.source and row.target}
    return {
        number
        for number, (source, target) in points.items()
        if not any(other[0] >= source and other[1] >= target and other != (source, target) for other in points.values())
    }


def draw_curves(results: Results, direction: str, stem: Path) -> bool:
    """Losses and, where it was evaluated, accuracies over the iterations; the first seed of every row.

    Returns
    -------
    Whether there was anything to draw.
    """
    runs = [(row, found[0]) for row in results.rows if (found := results.runs[direction, row.name])]
    logs = [(row.name, run.log) for row, run in runs[:MOST_CURVES] if run.log]
    if not logs:
        return False
    kinds = [kind for kind in CURVES if any(kind in record for _, log in logs for record in log)]
    with _figure(stem, (4 * len(kinds) + 2, 3.6)) as figure:
        every = figure.subplots(1, len(kinds), squeeze=False)[0]
        for axes, kind in zip(every, kinds, strict=True):
            for name, log in logs:
                points = [(record["iteration"], record[kind]) for record in log if kind in record]
                if points:
                    at, values = zip(*points, strict=True)
                    axes.plot(at, np.array(values) * (1 if kind in LOSSES else 100), label=name, linewidth=1)
            axes.set(xlabel="iteration", ylabel=CURVES[kind])
        every[-1].legend(frameon=False, fontsize=7, bbox_to_anchor=(1.02, 1), loc="upper left")
    return True


def draw_confusions(results: Results, direction: str, stem: Path) -> bool:
    """Confusion matrices of the new task, a panel for every row, its runs together; shares of a class in %.

    Returns
    -------
    Whether there was anything to draw.
    """
    summed = {}
    for row in results.rows:
        found = [run.confusions["target"] for run in results.runs[direction, row.name] if "target" in run.confusions]
        if found:
            summed[row.name] = sum(found[1:], found[0])
    if not summed:
        return False
    across = min(len(summed), MOST_ACROSS)
    down = -(-len(summed) // across)
    with _figure(stem, (3.4 * across + 0.6, 3.4 * down + 0.6)) as figure:
        panels = figure.subplots(down, across, squeeze=False).ravel()
        for axes, (name, confusion) in zip(panels, summed.items(), strict=False):
            _draw_confusion(axes, name, confusion)
        for axes in panels[len(summed) :]:
            axes.set_axis_off()
    return True


def _draw_confusion(axes: Axes, title: str, confusion: Confusion) -> None:
    shares = 100 * confusion.shares
    axes.imshow(shares, vmin=0, vmax=100, cmap="Blues")
    axes.set_title(f"{title} ({confusion.counts.sum()} images)", fontsize=8)
    axes.set(xlabel="taken for", ylabel="class")
    if len(shares) > MOST_NAMED:
        return
    places = np.arange(len(shares))
    axes.set_xticks(places, confusion.classes, rotation=60, ha="right", fontsize=7)
    axes.set_yticks(places, confusion.classes, fontsize=7)
    for row, column in np.ndindex(*shares.shape):
        colour = "white" if shares[row, column] > 60 else "black"
        axes.text(column, row, f"{shares[row, column]:.0f}", ha="center", va="center", fontsize=6, color=colour)


@contextmanager
def _figure(stem: Path, size: tuple[float, float]) -> Iterator[Figure]:
    """A figure that is written in every format when it is done."""
    with matplotlib.rc_context({"font.size": 9, "svg.hashsalt": stem.name}):
        figure = Figure(figsize=size, layout="constrained")
        yield figure
        for ending in FORMATS:
            with atomic_path(stem.with_suffix(f".{ending}")) as temporary:
                figure.savefig(temporary, dpi=150, format=ending, metadata={"Date": None} if ending == "svg" else None)
