"""What the runs of a study share: opened nets, tasks with decoded images."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from deepvis.model.model import Model, open_model
from finetune.errors import ExperimentError
from finetune.evaluation.filter_changes import Net
from finetune.evaluation.heads import class_scores
from finetune.evaluation.intact import Intact
from finetune.study.file import Direction, Study
from finetune.study.measuring import Measured
from finetune.tasks.cache import CACHE
from finetune.tasks.opening import decoding_tasks, open_task
from finetune.tasks.task import Task
from prototxt.common.progress import Progress

MEASURES = "measures"


@dataclass(frozen=True, eq=False)
class Material:
    """A source net, the task that it knows, and the one that it is to learn.

    Parameters
    ----------
    model : the net.
    source, target : the tasks, their images resized as the net's preprocessing says.
    measured : gives H and other measures of the net's units.
    intact : gives what the net says before it learns.
    """

    model: Model
    source: Task
    target: Task
    measured: Measured
    intact: Intact = field(init=False, repr=False)

    def __post_init__(self) -> None:
        before = Net(self.model.test_net, self.model.weights)
        object.__setattr__(self, "intact", Intact(before, self.model.preprocessing))

    @property
    def known(self) -> dict[str, str]:
        """Hashes of all that a run depends on."""
        known = {
            "model": self.model.hash,
            "preprocessing": self.model.preprocessing.hash,
            "source": self.source.identity,
            "target": self.target.identity,
        }
        return known if self.target.fold is None else {**known, "fold": "by seed"}


class Opened:
    """Opens the material of a study, each piece once.

    Parameters
    ----------
    study : the study.
    out : its folder.
    cache : of decoded images.
    """

    def __init__(self, study: Study, out: Path, cache: Path = CACHE) -> None:
        self.study, self.out, self.cache = study, out, cache
        self._models: dict[str, Model] = {}
        self._known: dict[str, Material] = {}

    def material(self, direction: Direction) -> Material:
        """The material of a direction.

        Raises
        ------
        InputError : a model or images cannot be opened, or the net does not fit its task.
        """
        if direction.folder not in self._known:
            self._known[direction.folder] = self._open(direction)
        return self._known[direction.folder]

    def preparing(self) -> Generator[Progress, None, None]:
        """Open everything and decode all images, with progress."""
        for number, direction in enumerate(self.study.directions):
            yield Progress(number, len(self.study.directions), "open: nets and tasks")
            material = self.material(direction)
            yield from decoding_tasks([material.source, material.target])

    def _open(self, direction: Direction) -> Material:
        net = self.study.nets[direction.source]
        if direction.source not in self._models:
            self._models[direction.source] = open_model(net.model, net.weights, net.preprocessing, net.classes)
        model = self._models[direction.source]
        source = open_task(net.task, self.study.tasks[net.task], model.preprocessing, model.classes, self.cache)
        target = open_task(direction.to, self.study.tasks[direction.to], model.preprocessing, (), self.cache)
        _check_fits(model, source, direction.source)
        return Material(model, source, target, Measured(model, source.train, self.out / MEASURES / direction.source))


def _check_fits(model: Model, source: Task, name: str) -> None:
    outputs = model.shapes.blob(class_scores(model.net))[1]
    if outputs != len(source.classes):
        raise ExperimentError(
            f"net {name!r} has {outputs} class scores, but its task {source.name!r} has {len(source.classes)} classes; "
            "give the task that it was trained on"
        )
    if model.classes and tuple(model.classes) != source.classes:
        raise ExperimentError(
            f"net {name!r}: its classes begin with {model.classes[0]!r} and those of its task {source.name!r} with "
            f"{source.classes[0]!r}; the task's images must be numbered as the net's outputs"
        )
