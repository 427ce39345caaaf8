"""A whole study: settings are chosen, every run is made or gone on with, and what was done before stays."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finetune.errors import ExperimentError
from finetune.evaluation.scores import write_scores
from finetune.study import runs as names
from finetune.study.choosing import Point, choose, points_of
from finetune.study.file import Direction, Study
from finetune.study.holding import alone_in
from finetune.study.material import Opened
from finetune.study.rows import Row, rows_of
from finetune.study.runs import Run, read_json, write_json
from finetune.study.spelling import unknown
from finetune.study.workers import Report, working
from finetune.tasks.cache import CACHE
from prototxt.common.atomic import write_text
from prototxt.common.progress import Progress

STUDY = "study.json"
BASELINE = "baseline"


@dataclass
class Outcome:
    """What became of the runs of a study.

    Parameters
    ----------
    finished : runs that are done, those of earlier calls among them.
    made : of these, runs that this call made.
    redone : folders of runs that were made again because their configuration had changed.
    refused : folder and sentence of runs that could not be made.
    left : runs that were not started because the budget was used up.
    seconds : CPU seconds of all finished runs.
    """

    finished: int = 0
    made: int = 0
    redone: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    left: int = 0
    seconds: float = 0.0


def running(
    study: Study, out: Path, cache: Path = CACHE, only: Sequence[str] = ()
) -> Generator[Progress, None, Outcome]:
    """Run a study into a folder.

    Runs that are finished are not made again, one that was stopped goes on from its checkpoint, one whose
    configuration has changed is made anew. Closing the generator, or Ctrl-C, stops all runs at a checkpoint.

    Parameters
    ----------
    study : from `finetune.study.file.read_study`.
    out : the folder.
    cache : of decoded images and unpacked archives.
    only : rows that are run; all where it is empty. The study and what was run of other rows stay as they are.

    Yields
    ------
    Progress in images that were trained on, of all runs together.

    Raises
    ------
    InputError : a net, a task, a method or its options cannot be used, ``only`` has a row that the study has not, or
        another process is running a study there.
    """
    with alone_in(out):
        return (yield from _running(study, out, cache, only))


def _running(study: Study, out: Path, cache: Path, only: Sequence[str]) -> Generator[Progress, None, Outcome]:
    rows = _wanted(rows_of(study), only)
    opened = Opened(study, out, cache)
    yield from opened.preparing()
    write_json(out / STUDY, study.model_dump(mode="json", by_alias=True))
    for direction in study.directions:
        yield from _baseline(direction, opened)
    outcome = Outcome()
    first = [_runs(study, opened, direction, row)[0] for direction in study.directions for row in rows]
    chosen = yield from _choosing(first, opened, outcome)
    if outcome.left:
        return outcome
    outcome.finished = outcome.made = 0
    runs = [
        run.with_choice(chosen[run.folder.parent])
        for direction in study.directions
        for row in rows
        for run in _runs(study, opened, direction, row)
        if run.folder.parent in chosen
    ]
    # Seed by seed, so that a study that is stopped has something to compare.
    runs.sort(key=lambda run: run.row.seeds.index(run.seed))
    yield from _Phase("study", opened, outcome).making(runs)
    return outcome


def _wanted(rows: Sequence[Row], only: Sequence[str]) -> list[Row]:
    names = [row.name for row in rows]
    for name in only:
        if name not in names:
            raise ExperimentError(unknown("row", name, names))
    return [row for row in rows if not only or row.name in only]


def _choosing(first: Sequence[Run], opened: Opened, outcome: Outcome) -> Generator[Progress, None, dict[Path, Point]]:
    """Try the points of all grids; gives what was chosen, by the folder of a row in a direction."""
    selection = opened.study.selection
    tried = {
        run.folder.parent: [run.at_point(number, point, selection) for number, point in enumerate(points_of(run.row))]
        for run in first
    }
    yield from _Phase("choose", opened, outcome).making([point for points in tried.values() for point in points])
    refused = {folder for folder, _ in outcome.refused}
    chosen: dict[Path, Point] = {}
    for run in first if not outcome.left else ():
        if any(str(point.folder) in refused for point in tried[run.folder.parent]):
            continue
        try:
            chosen[run.folder.parent] = choose(run, opened.out, selection)
        except ExperimentError as error:
            outcome.refused.append((str(run.folder.parent), str(error)))
    return chosen


def _runs(study: Study, opened: Opened, direction: Direction, row: Row) -> list[Run]:
    known = opened.material(direction).known
    return [
        Run(
            Path(direction.folder) / row.name / f"seed-{seed}",
            direction,
            row,
            seed,
            known,
            study.evaluation,
            study.head_rates,
            study.device,
            study.processes if row.engine == "torchrun" else 1,
        )
        for seed in row.seeds
    ]


def _baseline(direction: Direction, opened: Opened) -> Generator[Progress, None, None]:
    """What the source net knows of its task before anything is taught to it."""
    material, crops = opened.material(direction), opened.study.evaluation.crops
    folder = opened.out / direction.folder / BASELINE
    key = {"model": material.known["model"], "source": material.known["source"], "crops": crops}
    if (folder / names.RESULT).is_file() and key.items() <= read_json(folder / names.RESULT).items():
        return
    started = time.process_time()
    scores = yield from material.intact.scoring((None, crops), material.source.test, crops)
    write_scores(folder / names.LOGITS, source=scores)
    found = {"source_accuracy": scores.accuracy, "source_loss": scores.loss, "source_images": len(scores.labels)}
    write_json(folder / names.RESULT, {**key, **found, "cpu_seconds": round(time.process_time() - started, 2)})


class _Phase:
    """Runs of one kind, with progress, budget and bookkeeping."""

    def __init__(self, what: str, opened: Opened, outcome: Outcome) -> None:
        self.what, self.opened, self.outcome = what, opened, outcome
        self._images_done, self._seconds = 0, 0.0  # of finished runs
        self._started = 0

    def making(self, runs: Sequence[Run]) -> Generator[Progress, None, None]:
        """Make the runs that are not finished."""
        out = self.opened.out
        states = {run.folder: run.state(out) for run in runs}
        self.outcome.redone += [str(folder) for folder, state in states.items() if state == "changed"]
        for run in runs:
            if states[run.folder] == "finished":
                self._count(run, read_json(out / run.folder / names.RESULT))
        todo = [run for run in runs if states[run.folder] != "finished"]
        if not todo:
            return
        total, under_way = sum(run.images for run in runs), dict.fromkeys(range(len(todo)), 0)
        yield Progress(self._images_done, total, self._words(runs, todo, 0))
        for report in working(todo, self.opened, self.opened.study.jobs, self._may_start):
            under_way[report.run] = report.done if report.kind == "step" else 0
            self._hear(todo[report.run], report)
            doing = report.words if report.kind == "step" and report.words != str(todo[report.run].folder) else ""
            done = self._images_done + sum(under_way.values())
            words = self._words(runs, todo, sum(under_way.values()))
            yield Progress(min(done, total), total, f"{words} ({doing})" if doing else words)
        self.outcome.left += len(todo) - self._started

    def _may_start(self) -> bool:
        budget = self.opened.study.budget
        if budget is not None and self.outcome.seconds >= budget:
            return False
        self._started += 1
        return True

    def _hear(self, run: Run, report: Report) -> None:
        if report.kind == "broken":
            raise RuntimeError(f"{run.folder}:\n{report.words}")
        if report.kind == "refused":
            self.outcome.refused.append((str(run.folder), report.words))
        if report.kind == "done" and report.result is not None:
            self._count(run, report.result)
            self.outcome.made += 1

    def _count(self, run: Run, result: dict[str, Any]) -> None:
        self.outcome.finished += 1
        self._seconds += float(result["cpu_seconds"])
        self.outcome.seconds += float(result["cpu_seconds"])
        self._images_done += run.images

    def _words(self, runs: Sequence[Run], todo: Sequence[Run], under_way: int) -> str:
        """The phase, how many runs are done, and about how long the rest will take."""
        text = f"{self.what}: {self.outcome.finished} of {len(runs)} runs"
        if not self._images_done:
            return text
        left = sum(run.images for run in runs) - self._images_done - under_way
        seconds = left * self._seconds / self._images_done / min(self.opened.study.jobs, len(todo))
        return f"{text}, about {_duration(seconds)} left"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def write_study(out: Path, text: str) -> None:
    """Keep the text of the study file beside the results."""
    write_text(out / "study.toml", text)


def read_back(out: Path) -> Study:
    """The study that was run into a folder.

    Raises
    ------
    ExperimentError : none was.
    """
    if not (out / STUDY).is_file():
        raise ExperimentError(f"{out}: holds no {STUDY}, so no study was run there; give the folder of a study")
    return Study.model_validate(read_json(out / STUDY))
