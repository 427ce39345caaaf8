"""The demo's report: what two ways of fine-tuning did to the network, as numbers, a figure and one page of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from scipy.stats import binom

from finetune.statistics.movement import Movement, OutputChange
from finetune.training.program_log import TrainingLog
from prototxt.common.atomic import atomic_path


@dataclass(frozen=True)
class Run:
    """One training run and what came of it.

    Parameters
    ----------
    title : how the report calls it.
    log : what the trainer said.
    movements : what happened to the filters of each layer.
    outputs : how much the old head's answers changed.
    """

    title: str
    log: TrainingLog
    movements: Sequence[Movement]
    outputs: OutputChange

    def total(self, count: str) -> int:
        """Sum of one count of `Movement` over the layers."""
        return sum(getattr(movement, count) for movement in self.movements)

    @property
    def accuracy(self) -> tuple[float, float]:
        """Held-out accuracy at the first and at the last test, in [0, 1]."""
        outputs = [next(value for name, value in test.items() if "accuracy" in name) for _, test in self.log.tests]
        return outputs[0], outputs[-1]

    @property
    def loss(self) -> tuple[float, float]:
        """Training loss: mean of the first and of the last tenth of the displayed iterations."""
        values = [value for _, value in self.log.losses]
        tenth = max(1, len(values) // 10)
        return float(np.mean(values[:tenth])), float(np.mean(values[-tenth:]))


@dataclass(frozen=True)
class Check:
    """A claim of the report and whether the numbers bear it out."""

    claim: str
    holds: bool


def checks(plain: Run, rated: Run, classes: int, pictures: int, freezes: bool = True) -> list[Check]:
    """What the demo sets out to show, each a sentence with its numbers.

    Parameters
    ----------
    plain, rated : the two runs.
    classes : of the new task, alike in size; chance is one in so many.
    pictures : held out; an accuracy is above chance where chance would reach it in fewer than 1 of 100 trials.
    freezes : whether the method must freeze filters; one that slows all of them down may freeze none.
    """
    chance = 1 / classes
    frozen, changed = rated.total("frozen"), rated.total("frozen_changed")
    free, moved = rated.total("free"), rated.total("free_moved")
    same = Check(
        f"all {frozen} frozen filters are the same to the bit ({changed} changed)", frozen > 0 and changed == 0
    )
    return [
        *([same] if freezes else []),
        Check(f"the free filters moved ({moved} of {free})", moved > 0.9 * free),
        *(
            Check(f"{run.title}: the loss fell ({run.loss[0]:.3f} → {run.loss[1]:.3f})", run.loss[1] < run.loss[0])
            for run in (plain, rated)
        ),
        *(
            Check(
                f"{run.title}: held-out accuracy {run.accuracy[1]:.1%} is above chance ({chance:.1%})",
                bool(binom.sf(round(run.accuracy[1] * pictures) - 1, pictures, chance) < 0.01),
            )
            for run in (plain, rated)
        ),
        Check(
            "the old head's answers changed less under per-filter rates "
            f"({rated.outputs.total_variation:.3f} against {plain.outputs.total_variation:.3f})",
            rated.outputs.total_variation < plain.outputs.total_variation,
        ),
    ]


ROWS: dict[str, Callable[[Run], str]] = {
    "convolution filters that may learn": lambda run: f"{run.total('free')} of {_filters(run)}",
    "of the frozen ones, changed in any bit": (
        lambda run: str(run.total("frozen_changed")) if run.total("frozen") else "none is frozen"
    ),
    "of the free ones, changed": lambda run: str(run.total("free_moved")),
    "new task: training loss, first → last": lambda run: "{:.3f} → {:.3f}".format(*run.loss),
    "new task: held-out accuracy, first → last": lambda run: "{:.1%} → {:.1%}".format(*run.accuracy),
    "**old task: change of the class probabilities** (mean total variation, 0–1)": (
        lambda run: f"**{run.outputs.total_variation:.3f}**"
    ),
    "old task: pictures whose best class stayed": lambda run: f"{run.outputs.kept_top1:.1%}",
}


def comparison_table(runs: Sequence[Run]) -> str:
    """The runs side by side as a Markdown table."""
    lines = [["", *(run.title for run in runs)], ["---", *("---:" for _ in runs)]]
    lines += [[name, *(cell(run) for run in runs)] for name, cell in ROWS.items()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _filters(run: Run) -> int:
    return run.total("free") + run.total("frozen")


def layer_table(run: Run) -> str:
    """What happened in every layer of one run, as a Markdown table; the change is relative, by the Frobenius norm."""
    lines = [
        "| layer | filters | free | moved | frozen | of these changed | change of the weights |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {m.layer} | {m.free + m.frozen} | {m.free} | {m.free_moved} | {m.frozen} | {m.frozen_changed} "
        f"| {m.relative_change:.2%} |"
        for m in run.movements
    ]
    return "\n".join(lines)


def draw_losses(runs: Sequence[Run], path: Path) -> None:
    """Draw training loss and held-out accuracy of the runs over the iterations into a PNG."""
    with matplotlib.rc_context({"font.size": 9}):
        figure = Figure(figsize=(8, 3), layout="constrained")
        losses, accuracies = figure.subplots(1, 2)
        for run in runs:
            losses.plot(*zip(*run.log.losses, strict=True), label=run.title)
            points = [(at, next(v for name, v in test.items() if "accuracy" in name)) for at, test in run.log.tests]
            accuracies.plot(*zip(*points, strict=True), marker="o", label=run.title)
        losses.set(xlabel="iteration", ylabel="training loss", ylim=(0, None))
        accuracies.set(xlabel="iteration", ylabel="held-out accuracy", ylim=(0, 1))
        accuracies.legend(frameon=False)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=150, format="png")
