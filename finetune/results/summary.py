"""A row of a study in numbers: means over its seeds with their standard errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from finetune.results.reading import Baseline, Results, RunResult
from finetune.statistics.learning import joint_loss, loss, recovered_share
from finetune.statistics.uncertainty import mean_and_error

FINE_TUNING = "fine-tuning"


@dataclass(frozen=True)
class Mean:
    """A mean over seeds and its standard error (not a number for one seed)."""

    value: float
    error: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean:
        """Of at least one value."""
        return cls(*mean_and_error(values))


@dataclass(frozen=True)
class Summary:
    """What a row came to in a direction; shares, 0-1.

    Parameters
    ----------
    row, title : of the row.
    seeds : runs that were summed up.
    diverged : runs that ended without weights; they are in no mean.
    source, target : accuracies.
    source_loss : what was forgotten of the source net's accuracy.
    target_loss : what is missing to a net for the new task alone; None without such a net.
    joint_loss : the sum of both.
    recovered : the share of what fine-tuning forgets that is not forgotten; None without fine-tuning.
    probe : accuracy of a linear classifier on the trunk's features; None where none was trained.
    source_untold, target_untold : accuracies of a net that finds out by a gate which task an image belongs to; None
        for nets that must be told.
    seconds : CPU seconds of a run.
    added_weights, learning_weights : numbers of weights.
    """

    row: str
    title: str
    seeds: int
    diverged: int
    source: Mean | None = None
    target: Mean | None = None
    source_loss: Mean | None = None
    target_loss: Mean | None = None
    joint_loss: Mean | None = None
    recovered: Mean | None = None
    probe: Mean | None = None
    source_untold: Mean | None = None
    target_untold: Mean | None = None
    seconds: Mean | None = None
    added_weights: int = 0
    learning_weights: int = 0


def summaries(results: Results, direction: str) -> list[Summary]:
    """Sum up the rows of a direction that have runs, in the order of the study."""
    baseline = results.baselines[direction]
    forgotten = _forgotten_by_fine_tuning(results, direction)
    return [
        _summary(row.name, row.title, runs, baseline, forgotten)
        for row in results.rows
        if (runs := results.runs[direction, row.name])
    ]


def _forgotten_by_fine_tuning(results: Results, direction: str) -> float | None:
    """Mean loss on the old task of the plainest row of fine-tuning: the one without options of its own, if any."""
    row = next((row for row in results.rows if row.method == FINE_TUNING and not row.options), None)
    runs = [run for run in results.runs[direction, row.name] if not run.diverged] if row else []
    if not runs:
        return None
    return Mean.of([loss(results.baselines[direction].source, run.result["source_accuracy"]) for run in runs]).value


def _summary(row: str, title: str, runs: Sequence[RunResult], baseline: Baseline, forgotten: float | None) -> Summary:
    good = [run for run in runs if not run.diverged]
    diverged = len(runs) - len(good)
    if not good:
        return Summary(row, title, 0, diverged)

    def mean(number: Callable[[RunResult], float]) -> Mean:
        return Mean.of([number(run) for run in good])

    def source_loss(run: RunResult) -> float:
        return loss(baseline.source, run.result["source_accuracy"])

    target_loss = joint = None
    if (target := baseline.target) is not None:
        target_loss = mean(lambda run: loss(target, run.result["target_accuracy"]))
        joint = mean(lambda run: joint_loss(source_loss(run), loss(target, run.result["target_accuracy"])))
    recovered = None if forgotten is None else mean(lambda run: recovered_share(source_loss(run), forgotten))

    def known(key: str) -> Mean | None:
        return mean(lambda run: run.result[key]) if all(key in run.result for run in good) else None

    return Summary(
        row,
        title,
        len(good),
        diverged,
        mean(lambda run: run.result["source_accuracy"]),
        mean(lambda run: run.result["target_accuracy"]),
        mean(source_loss),
        target_loss,
        joint,
        recovered,
        known("source_probe"),
        known("source_untold"),
        known("target_untold"),
        mean(lambda run: run.result["cpu_seconds"]),
        good[0].result["added_weights"],
        good[0].result["learning_weights"],
    )
