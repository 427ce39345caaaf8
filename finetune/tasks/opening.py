"""From what a study file says of a task to the task."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from deepvis.sources import Images
from finetune.errors import ExperimentError
from finetune.tasks.cache import CACHE, decoding
from finetune.tasks.sources import Found, find_images, find_pair, place_of
from finetune.tasks.splits import of_classes, per_class, random_classes, stratified_share
from finetune.tasks.task import Part, Task
from prototxt.common.progress import Progress, with_bar
from prototxt.pixels.preprocess import Preprocessing


class TaskSettings(BaseModel):
    """What a study file says of a task.

    Parameters
    ----------
    images : data set with a training and a test part, or with one part only; see
        `finetune.tasks.sources.find_images`. A bare name is looked for in ``$DEEPVIS_DATA`` too.
    folder : inside the data set.
    train, test : in place of ``images``: two image lists or LMDBs.
    test_share : of a data set with one part: the share of every class that becomes the test part.
    per_class : training images taken of every class; None for all.
    classes : names of the classes that are taken; empty for all.
    random_classes : in place of ``classes``: so many, drawn at random.
    other_classes : take those that ``random_classes`` leaves.
    seed : of what is drawn.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: str | None = None
    folder: str = ""
    train: str | None = None
    test: str | None = None
    test_share: float = Field(default=0.25, gt=0, lt=1)
    per_class: int | None = Field(default=None, ge=1)
    classes: tuple[str, ...] = ()
    random_classes: int | None = Field(default=None, ge=1)
    other_classes: bool = False
    seed: int = 0


def open_task(
    name: str,
    settings: TaskSettings,
    preprocessing: Preprocessing,
    classes: tuple[str, ...] = (),
    cache: Path = CACHE,
) -> Task:
    """Open a task; its images are decoded when they are first asked for.

    Parameters
    ----------
    name : how the study calls it.
    settings : what the study says of it.
    preprocessing : of the net that will see it.
    classes : names in the order of a net's outputs, for the task that the net was trained for.
    cache : folder of decoded images and unpacked archives.

    Raises
    ------
    ExperimentError : the settings contradict each other, or there is no such data set or class.
    ImageError : images cannot be read.
    """
    cache = cache.expanduser()
    found = _found(name, settings, classes, cache)
    parts = (found.train, found.test) if found.test is not None else (found.train,)
    opened = [_part(images, preprocessing, cache) for images in parts]
    if len(opened) == 1:
        chosen = stratified_share(opened[0].labels, settings.test_share, settings.seed)
        opened = [opened[0].some(~chosen), opened[0].some(chosen)]
    train, test = opened
    names = found.classes
    numbers = _chosen_classes(name, settings, names)
    if numbers is not None:
        train, test = (part.some(*of_classes(part.labels, numbers)) for part in (train, test))
        names = tuple(names[number] for number in numbers)
    if settings.per_class:
        train = train.some(per_class(train.labels, settings.per_class, settings.seed))
    return Task(name, names, train, test)


def decoding_tasks(tasks: Iterable[Task]) -> Generator[Progress, None, None]:
    """Decode what was not decoded before, with progress, so that nobody waits for it in silence later."""
    for task in tasks:
        for part in (task.train, task.test):
            if isinstance(part.load, _Decoded):
                yield from part.load.work()


class _Decoded:
    """Loads the array of some images."""

    def __init__(self, images: Images, preprocessing: Preprocessing, cache: Path) -> None:
        self._images, self._preprocessing, self._cache = images, preprocessing, cache

    def work(self) -> Generator[Progress, None, np.ndarray]:
        return decoding(self._images, self._preprocessing, self._cache)

    def __call__(self) -> np.ndarray:
        return with_bar(self.work(), quiet=True)


def _part(images: Images, preprocessing: Preprocessing, cache: Path) -> Part:
    return Part(
        _Decoded(images, preprocessing, cache),
        tuple(images.paths),
        images.labels.astype(np.int64),
        np.arange(len(images)),
        images.root,
    )


def _found(name: str, settings: TaskSettings, classes: tuple[str, ...], cache: Path) -> Found:
    if settings.images and not settings.train and not settings.test:
        return find_images(place_of(settings.images), settings.folder, classes, cache)
    if settings.train and settings.test and not settings.images:
        return find_pair(place_of(settings.train), place_of(settings.test), classes)
    raise ExperimentError(f"task {name!r}: give either images, or both train and test")


def _chosen_classes(name: str, settings: TaskSettings, known: tuple[str, ...]) -> list[int] | None:
    if settings.classes and settings.random_classes:
        raise ExperimentError(f"task {name!r}: give either classes or random_classes")
    if settings.random_classes:
        chosen, others = random_classes(len(known), settings.random_classes, settings.seed)
        return others if settings.other_classes else chosen
    strangers = [each for each in settings.classes if each not in known]
    if strangers:
        raise ExperimentError(f"task {name!r}: has no class {strangers[0]!r}; it has {', '.join(known)}")
    return [known.index(each) for each in settings.classes] or None
