"""Two rows, or two runs, against each other on the same test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from finetune.errors import ExperimentError
from finetune.results.reading import Results, RunResult
from finetune.statistics.uncertainty import Estimate, McNemar, mcnemar, paired_bootstrap
from finetune.statistics.verdict import Word, verdict
from finetune.study.file import Claim, On

TASKS: Mapping[On, tuple[str, ...]] = {"source": ("source",), "target": ("target",), "joint": ("source", "target")}
POINTS = 100  # an accuracy of 1 in percentage points


@dataclass(frozen=True)
class Compared:
    """A difference of two rows.

    Parameters
    ----------
    seeds : that both have.
    difference : of the accuracies, first less second, in percentage points.
    exact : McNemar's test, where a single pair of runs is compared on one task.
    """

    seeds: tuple[int, ...]
    difference: Estimate
    exact: McNemar | None = None


@dataclass(frozen=True)
class Judged:
    """A claim and what the runs say to it.

    Parameters
    ----------
    claim : of the study.
    direction : in which it is judged.
    compared : the difference; None where there is nothing to compare.
    word : held, not held, undecided; or why it could not be judged.
    """

    claim: Claim
    direction: str
    compared: Compared | None
    word: Word | str


def compare(first: Sequence[RunResult], second: Sequence[RunResult], on: On, paired: bool = True) -> Compared:
    """Compare runs of two rows.

    Parameters
    ----------
    first, second : runs.
    on : the task whose test images count, or both alike.
    paired : take runs of equal seeds together; otherwise as they come (for two single runs).

    Raises
    ------
    ExperimentError : they have no seed in common, or were tested on different images.
    """
    pairs = _pairs(first, second) if paired else list(zip(first, second, strict=True))
    if not pairs:
        raise ExperimentError("the two have no finished run of the same seed")
    differences: list[np.ndarray | list[np.ndarray]] = []
    for task in TASKS[on]:
        for one, other in pairs:
            if one.tested_on(task) != other.tested_on(task):
                raise ExperimentError(f"{one.folder} and {other.folder} were tested on different images of {task}")
        found = [one.right[task] * 1.0 - other.right[task] for one, other in pairs]
        differences.append(found if task == "target" and pairs[0][0].has_own_test else np.array(found))
    estimate = paired_bootstrap(differences)
    points = Estimate(*(POINTS * number for number in (estimate.value, estimate.low, estimate.high)))
    exact = None
    if len(pairs) == 1 and on != "joint":
        exact = mcnemar(*(run.right[on] for run in pairs[0]))
    return Compared(tuple(one.seed for one, _ in pairs), points, exact)


def claims_of(results: Results) -> list[tuple[Claim, str]]:
    """Every claim of a study with each direction that it is about."""
    return [
        (claim, direction)
        for claim in results.study.claims
        for direction in results.directions
        if claim.direction in ("", direction)
    ]


def judge(results: Results, claim: Claim, direction: str) -> Judged:
    """Judge a claim in a direction."""
    rows = [results.runs.get((direction, name)) for name in (claim.better, claim.than)]
    for name, runs in zip((claim.better, claim.than), rows, strict=True):
        if runs is None:
            return Judged(claim, direction, None, f"the study has no row {name!r}")
    first, second = ([run for run in runs or [] if not run.diverged] for runs in rows)
    try:
        compared = compare(first, second, claim.on)
    except ExperimentError as error:
        return Judged(claim, direction, None, str(error))
    return Judged(claim, direction, compared, verdict(compared.difference, claim.by))


def _pairs(first: Sequence[RunResult], second: Sequence[RunResult]) -> list[tuple[RunResult, RunResult]]:
    by_seed = {run.seed: run for run in second}
    return [(run, by_seed[run.seed]) for run in first if run.seed in by_seed]
