"""``python -m finetune run STUDY``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from deepvis.scan.signals import stopping_at_signals
from finetune.commands import run_demo
from finetune.study.file import read_study
from finetune.study.running import Outcome, running, write_study
from finetune.study.shipped import find_study
from finetune.tasks.cache import CACHE
from prototxt.common.errors import InputError
from prototxt.common.heap import keep_freed_memory
from prototxt.common.progress import with_bar


def run_study_command(
    study: Annotated[str, tyro.conf.Positional],
    out: Path | None = None,
    jobs: int | None = None,
    threads: int | None = None,
    budget: float | None = None,
    cache: Path = CACHE,
    only: tuple[str, ...] = (),
) -> None:
    """Run a study, or go on with it; `run demo --help` tells of the demo.

    Parameters
    ----------
    study
        the path of a study.toml, or the name of a study that `list` shows.
    out
        folder for its runs; by default build/studies/NAME.
    jobs
        runs at a time, in place of what the file says.
    threads
        threads of each.
    budget
        CPU seconds after which no further run is started.
    cache
        folder of decoded images and unpacked archives.
    only
        names of rows, as `report` shows them: what is run now; the same command without it goes on with the others.
    """
    path = find_study(study, [run_demo.NAME])
    changes = {"jobs": jobs, "threads": threads, "budget": budget}
    chosen = read_study(path).model_copy(update={key: value for key, value in changes.items() if value is not None})
    out = out or Path("build/studies") / path.stem
    keep_freed_memory()
    write_study(out, path.read_text(encoding="utf-8"))
    again = f"python -m finetune run {study} --out {out}" + (f" --only {' '.join(only)}" if only else "")
    try:
        outcome = with_bar(stopping_at_signals(running(chosen, out, cache, only)))
    except KeyboardInterrupt:
        print(f"\nstopped; what was done is kept, and this goes on with it: {again}")
        raise
    _tell(outcome, out, again)


def _tell(outcome: Outcome, out: Path, again: str) -> None:
    """Say what became of the runs.

    Raises
    ------
    InputError : some could not be made.
    """
    for folder in outcome.redone:
        print(f"made again, because its configuration has changed: {folder}")
    print(f"{outcome.finished} runs are done ({outcome.made} now), {outcome.seconds:.0f} CPU seconds in all, in {out}")
    if outcome.left:
        print(f"the budget is used up: {outcome.left} runs were not started; give a larger --budget to {again}")
    else:
        print(f"the report: python -m finetune report {out}")
    if outcome.refused:
        folder, words = outcome.refused[0]
        raise InputError(f"{len(outcome.refused)} runs could not be made; the first, {folder}: {words}")
