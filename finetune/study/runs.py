"""The runs of a study: what each is, by its configuration, and the folder that it has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from finetune.errors import ExperimentError
from finetune.study.file import Direction, Evaluation, Selection
from finetune.study.rows import Row
from finetune.training.settings import TrainingSettings
from prototxt.common.atomic import write_text

CONFIG, LOG, RESULT = "config.json", "log.jsonl", "result.json"
LOGITS, WEIGHTS, CHECKPOINT, NET = "logits.npz", "weights.caffemodel", "checkpoint.pt", "net.prototxt"
FILTERS, RIGHT, CONFUSION = "filters.csv", "right.json", "confusion.json"
CHOICE, POINTS = "choice.json", "choice"
# They change how a run is watched, not what comes of it.
NOT_PART_OF_A_RUN = ("display", "evaluate", "cache_gb", "checkpoint_seconds")
KEPT = ("weights", "filters", "confusion")  # files that a study asks for
OF_EARLY_STOPPING = ("patience", "check_every")

State = Literal["finished", "begun", "changed", "new"]


@dataclass(frozen=True)
class Run:
    """One training of a study.

    Parameters
    ----------
    folder : where it lies, seen from the study's folder.
    direction : which net learns which task.
    row : the method; its options and settings are those of the run.
    seed : of everything that is random in it.
    known : what it depends on beside these: hashes of model, preprocessing and tasks.
    evaluation : what is measured.
    head_rates : of the new head.
    device, processes : where and by how many it is trained.
    held_out : the share of the training images that it is judged by instead of the test images, and the seed of that
        choice; None for a run that sees all training images and is tested.
    """

    folder: Path
    direction: Direction
    row: Row
    seed: int
    known: Mapping[str, str]
    evaluation: Evaluation
    head_rates: tuple[float, float] = (10.0, 20.0)
    device: str = "cpu"
    processes: int = 1
    held_out: tuple[float, int] | None = None

    @property
    def images(self) -> int:
        """Images that are trained on, a measure of its cost."""
        return self.row.training.iterations * self.row.training.batch

    @cached_property
    def config(self) -> dict[str, Any]:
        """What ``config.json`` says; the run is made again when this changes."""
        unused = () if self.row.training.patience else OF_EARLY_STOPPING
        training = self.row.training.model_dump(exclude={*NOT_PART_OF_A_RUN, *unused})
        config = {
            "direction": self.direction.folder,
            "from": self.direction.source,
            "to": self.direction.to,
            "row": self.row.name,
            "title": self.row.title,
            "method": self.row.method,
            "options": dict(self.row.options),
            "training": training,
            "engine": self.row.engine,
            "seed": self.seed,
            "head_rates": self.head_rates,
            "held_out": self.held_out,
            "crops": self.evaluation.crops,
            "probe": self.evaluation.probe,
            **{name: True for name in KEPT if getattr(self.evaluation, name)},
            **self.known,
        }
        plain: dict[str, Any] = json.loads(json.dumps(config))
        return plain

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) of the configuration, titles aside."""
        config = {key: value for key, value in self.config.items() if key not in ("title", "row", "direction")}
        return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()

    def at_point(self, number: int, point: Mapping[str, Any], selection: Selection) -> Run:
        """The run that tries a point of the grid on held-out training images."""
        shorter = {
            "iterations": min(selection.iterations or self.row.training.iterations, self.row.training.iterations)
        }
        return replace(
            self,
            folder=self.folder.parent / POINTS / f"point-{number}",
            row=with_point(self.row, {**point, **shorter}),
            seed=selection.seed,
            held_out=(selection.share, selection.seed),
            evaluation=self.evaluation.model_copy(update={"probe": "none", **dict.fromkeys(KEPT, False)}),
        )

    def with_choice(self, point: Mapping[str, Any]) -> Run:
        """The same run with the values that were chosen."""
        return replace(self, row=with_point(self.row, point))

    def state(self, out: Path) -> State:
        """How far it is in a study's folder: finished, begun, of another configuration, or new."""
        folder = out / self.folder
        if not (folder / CONFIG).is_file():
            return "new"
        if read_json(folder / CONFIG).get("hash") != self.hash:
            return "changed"
        return "finished" if (folder / RESULT).is_file() else "begun"


def with_point(row: Row, point: Mapping[str, Any]) -> Row:
    """A row with values of a grid: settings of the training by their names, options by theirs."""
    settings = {key: value for key, value in point.items() if key in TrainingSettings.model_fields}
    options = {key: value for key, value in point.items() if key not in settings}
    training = TrainingSettings.model_validate({**row.training.model_dump(), **settings})
    return replace(row, options={**row.options, **options}, training=training)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(path, json.dumps(values, indent=1) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read what `write_json` wrote.

    Raises
    ------
    ExperimentError : it cannot be read.
    """
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ExperimentError(f"{path}: cannot be read ({error}); remove it and run the study again") from error
    return found
