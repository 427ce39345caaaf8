"""What the runs of a study came to, read from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from finetune.errors import ExperimentError
from finetune.evaluation.confusion import Confusion, read_confusions
from finetune.evaluation.right_answers import read_right
from finetune.study import runs as names
from finetune.study.file import Study
from finetune.study.log import read_log
from finetune.study.rows import Row, rows_of
from finetune.study.running import BASELINE, read_back
from finetune.study.runs import read_json


@dataclass(frozen=True, eq=False)
class RunResult:
    """A finished run.

    Parameters
    ----------
    folder : of the run.
    config, result : its ``config.json`` and ``result.json``.
    """

    folder: Path
    config: Mapping[str, Any]
    result: Mapping[str, Any]

    @property
    def seed(self) -> int:
        """Of everything that was random in it."""
        return int(self.config["seed"])

    @property
    def diverged(self) -> bool:
        """Whether it ended without weights."""
        return "diverged" in self.result

    @property
    def has_own_test(self) -> bool:
        """Whether runs of other seeds were tested on other images of the new task, as in cross-validation."""
        return "fold" in self.config

    @cached_property
    def right(self) -> dict[str, np.ndarray]:
        """Which test images of ``source`` and ``target`` are told right, (N,) bool each."""
        return read_right(self.folder / names.RIGHT)

    def tested_on(self, task: str) -> tuple[Any, ...]:
        """What tells the images of ``source`` or ``target`` that it was tested on from others."""
        fold = self.seed if task == "target" and self.has_own_test else None
        return self.config.get(task), self.config.get("held_out"), len(self.right[task]), fold

    @cached_property
    def confusions(self) -> Mapping[str, Confusion]:
        """Confusion matrices of ``source`` and ``target``; empty where the study did not ask for them."""
        file = self.folder / names.CONFUSION
        return read_confusions(file) if file.is_file() else {}

    @cached_property
    def log(self) -> list[dict[str, Any]]:
        """What it said while it trained."""
        return read_log(self.folder / names.LOG)


@dataclass(frozen=True)
class Baseline:
    """What nets know that were trained for one task only.

    Parameters
    ----------
    source : accuracy of the source net on its task, before it learns another.
    target : accuracy on the new task of a net of the study that was trained for it; None where there is none.
    """

    source: float
    target: float | None


@dataclass(frozen=True, eq=False)
class Results:
    """A study and its finished runs.

    Parameters
    ----------
    study : as it was run.
    out : its folder.
    rows : in the order of the file.
    runs : by (direction, row), in the order of the seeds.
    baselines : by direction.
    choices : by (direction, row): what ``choice.json`` says.
    missing : folders of runs that are not finished.
    """

    study: Study
    out: Path
    rows: tuple[Row, ...]
    runs: Mapping[tuple[str, str], list[RunResult]]
    baselines: Mapping[str, Baseline]
    choices: Mapping[tuple[str, str], dict[str, Any]]
    missing: list[str] = field(default_factory=list)

    @property
    def directions(self) -> list[str]:
        """Names of the directions."""
        return [direction.folder for direction in self.study.directions]


def read_results(out: Path) -> Results:
    """Read the folder of a study; runs that are not finished are named.

    Raises
    ------
    ExperimentError : no study was run there, or a file in it cannot be read.
    """
    study = read_back(out)
    rows = tuple(rows_of(study, out))
    runs: dict[tuple[str, str], list[RunResult]] = {}
    choices: dict[tuple[str, str], dict[str, Any]] = {}
    missing = []
    for direction in study.directions:
        for row in rows:
            place = out / direction.folder / row.name
            found = runs.setdefault((direction.folder, row.name), [])
            for seed in row.seeds:
                run = read_run(place / f"seed-{seed}")
                if run is None:
                    missing.append(f"{direction.folder}/{row.name}/seed-{seed}")
                else:
                    found.append(run)
            if (place / names.CHOICE).is_file():
                choices[direction.folder, row.name] = read_json(place / names.CHOICE)
    return Results(study, out, rows, runs, _baselines(study, out), choices, missing)


def read_run(folder: Path) -> RunResult | None:
    """A finished run of the configuration that its folder has now; None for any other."""
    if not (folder / names.RESULT).is_file() or not (folder / names.CONFIG).is_file():
        return None
    config, result = read_json(folder / names.CONFIG), read_json(folder / names.RESULT)
    return RunResult(folder, config, result) if config.get("hash") == result.get("hash") else None


def _baselines(study: Study, out: Path) -> dict[str, Baseline]:
    found: dict[str, float] = {}
    for direction in study.directions:
        file = out / direction.folder / BASELINE / names.RESULT
        if not file.is_file():
            raise ExperimentError(f"{file}: is not there, so the study was not begun; run it")
        found[direction.folder] = float(read_json(file)["source_accuracy"])
    by_task = {study.nets[each.source].task: found[each.folder] for each in study.directions}
    return {
        direction.folder: Baseline(found[direction.folder], by_task.get(direction.to)) for direction in study.directions
    }
