"""``python -m finetune compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from finetune.errors import ExperimentError
from finetune.results.comparing import TASKS, compare
from finetune.results.reading import RunResult, read_run
from finetune.statistics.verdict import verdict
from finetune.study.reopening import is_run


def compare_command(
    first: Annotated[Path, tyro.conf.Positional], second: Annotated[Path, tyro.conf.Positional], by: float = 0.0
) -> None:
    """Compare two runs, or two methods over their common seeds, on the same test images.

    Parameters
    ----------
    first, second
        folders of runs (.../m2/seed-0) or of methods (.../m2) of a study.
    by
        percentage points that the first should be better by.
    """
    one, other = _runs(first), _runs(second)
    single = is_run(first) and is_run(second)
    for on in TASKS:
        found = compare(one, other, on, paired=not single)
        difference = found.difference
        words = f"{on:6}  {difference.value:+.2f} points, 95 % interval {difference.low:+.2f} to {difference.high:+.2f}"
        if found.exact is not None:
            exact = found.exact
            words += f"; right alone {exact.only_first} and {exact.only_second}, McNemar p {exact.p:.3g}"
        print(f"{words}: better by more than {by:g} is {verdict(difference, by)}")
    if not single:
        print(f"seeds {', '.join(map(str, found.seeds))}")


def _runs(folder: Path) -> list[RunResult]:
    """The finished runs of a folder."""
    folders = [folder] if is_run(folder) else sorted(folder.glob("seed-*"))
    runs = [run for run in map(read_run, folders) if run is not None and not run.diverged]
    if not runs:
        raise ExperimentError(f"{folder}: holds no finished run of a study")
    return runs
