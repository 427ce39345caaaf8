"""Does H say how a filter will move? What plain fine-tuning did to the filters of a net is compared with measures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from deepvis.model.model import Model
from entropy.measuring.table import Table
from finetune.ablation.settings import MovementSettings
from finetune.errors import ExperimentError
from finetune.evaluation.filter_changes import Net, measuring_changes
from finetune.methods import METHODS
from finetune.statistics.rank_correlation import correlations_within_layers
from finetune.statistics.uncertainty import Estimate
from finetune.tasks.task import Task
from finetune.training.prepared import Setting
from finetune.training.trainer import Job, Watch, training
from prototxt.common.atomic import write_text
from prototxt.common.progress import Progress

METHOD = "fine-tuning"
KEY, FILE = "movement.json", "movement-{seed}.csv"
OUTCOMES = {"weight_change": "change of weights", "activity_change": "change of activity"}


@dataclass(frozen=True, eq=False)
class Movement:
    """What plain fine-tuning did to the filters of a net, and who had said so.

    Parameters
    ----------
    task : name of the task that was learnt.
    seeds : of the trainings.
    layers : (filters,) layer of every filter.
    changes : outcome (a key of `OUTCOMES`) to (seeds, filters): relative change of the weights, and change of the mean
        activation on old images in standard deviations.
    within, whole : outcome to measure to the rank correlation of both: the mean of those within layers, and that over
        the whole net.
    """

    task: str
    seeds: tuple[int, ...]
    layers: np.ndarray
    changes: Mapping[str, np.ndarray]
    within: Mapping[str, Mapping[str, Estimate]]
    whole: Mapping[str, Mapping[str, Estimate]]


def computing_movement(
    model: Model, source: Task, target: Task, settings: MovementSettings, folder: Path
) -> Generator[Progress, None, list[Path]]:
    """Fine-tune a net with every seed, and write a table of what its filters did; what is there stays.

    Returns
    -------
    The tables, one for every seed; `finetune.evaluation.filter_changes.COLUMNS` are its columns.
    """
    key = {
        "model": model.hash,
        "images": [source.identity, target.identity],
        "training": settings.training.model_dump(mode="json"),
    }
    _forget_others(folder, json.loads(json.dumps(key)))
    files = []
    for seed in settings.seeds:
        file = folder / FILE.format(seed=seed)
        if not file.is_file():
            setting = Setting(model, source, target, _unmeasured, seed=seed, folder=folder, training=settings.training)
            write_text(file, (yield from _fine_tuning(setting, file.with_suffix(".pt"))))
            file.with_suffix(".pt").unlink(missing_ok=True)
        files.append(file)
    return files


def _fine_tuning(setting: Setting, checkpoint: Path) -> Generator[Progress, None, str]:
    prepared = METHODS[METHOD](setting)
    model = setting.model
    job = Job(prepared, setting.target.train, model.preprocessing, setting.training, setting.seed)
    trained = yield from training(job, Watch(checkpoint))
    before, after = Net(model.test_net, model.weights), Net(prepared.net, trained.weights)
    rates = prepared.stages[-1].rates
    return (yield from measuring_changes(before, after, rates, model.preprocessing, setting.source.test))


def _unmeasured(profile: str) -> NoReturn:
    raise AssertionError("plain fine-tuning asks for no measure")


def _forget_others(folder: Path, key: Mapping[str, object]) -> None:
    """Remove tables of another training."""
    file = folder / KEY
    if not file.is_file() or json.loads(file.read_text()) != key:
        for old in folder.glob(FILE.format(seed="*")):
            old.unlink()
            old.with_suffix(".pt").unlink(missing_ok=True)
        write_text(file, json.dumps(key, indent=1) + "\n")


def read_changes(file: Path, table: Table) -> dict[str, np.ndarray]:
    """Read what became of the filters of a table, in its order: outcome to (filters,).

    Raises
    ------
    ExperimentError : the file has no row for one of them.
    """
    rows = {(row["layer"], int(row["index"])): row for row in csv.DictReader(io.StringIO(file.read_text()))}
    places = list(zip(table.layer.tolist(), table.index.tolist(), strict=True))
    missing = [place for place in places if place not in rows]
    if missing:
        raise ExperimentError(f"{file}: has no filter {missing[0][1]} of layer {missing[0][0]!r}; remove it, run again")
    return {name: np.array([float(rows[place][name]) for place in places]) for name in OUTCOMES}


def relate(
    task: str, seeds: Sequence[int], files: Sequence[Path], table: Table, measures: Mapping[str, np.ndarray]
) -> Movement:
    """Correlate measures of filters with what training did to them.

    Parameters
    ----------
    files : of every seed.
    table : says which filters there are.
    measures : name to (filters,) scores.
    """
    every = [read_changes(file, table) for file in files]
    changes = {name: np.array([each[name] for each in every]) for name in OUTCOMES}
    scores = np.array(list(measures.values()))
    within, whole = (
        {
            name: dict(zip(measures, correlations_within_layers(scores, values, layers), strict=True))
            for name, values in changes.items()
        }
        for layers in (table.layer, np.full(len(table), ""))
    )
    return Movement(task, tuple(seeds), table.layer, changes, within, whole)
