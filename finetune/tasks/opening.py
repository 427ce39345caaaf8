"""From what a study file says of a task to the task."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from deepvis.sources import Images
from finetune.errors import ExperimentError
from finetune.tasks.cache import CACHE, decoding
from finetune.tasks.sources import Found, find_images, find_pair, place_of
from finetune.tasks.splits import Shares, of_classes, per_class, random_classes, stratified_share, three_parts
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
    split : shares of training, validation and test images, such as ``[0.7, 0.2, 0.1]``, of all images of the data set
        together, whatever parts it has.
    cross_validation : with ``split``: a run with the seed s is tested on fold s modulo their number.
    per_class : training images taken of every class; None for all.
    test_per_class : the same of the test images.
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
    split: Shares | None = None
    cross_validation: bool = False
    per_class: int | None = Field(default=None, ge=1)
    test_per_class: int | None = Field(default=None, ge=1)
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
    numbers = _chosen_classes(name, settings, found.classes)
    names = found.classes if numbers is None else tuple(found.classes[number] for number in numbers)

    def of_names(part: Part) -> Part:
        return part if numbers is None else part.some(*of_classes(part.labels, numbers))

    every = [found.train] if found.test is None else [found.train, found.test]
    if settings.split is not None:
        return _divided(name, names, of_names(_part(every, preprocessing, cache)), settings)
    if settings.cross_validation:
        raise ExperimentError(f"task {name!r}: cross_validation needs split, the shares of the three parts")
    parts = [_part([images], preprocessing, cache) for images in every]
    if len(parts) == 1:
        chosen = stratified_share(parts[0].labels, settings.test_share, settings.seed)
        parts = [parts[0].some(~chosen), parts[0].some(chosen)]
    train, test = map(of_names, parts)
    return _taken(Task(name, names, train, test), settings)


def _taken(task: Task, settings: TaskSettings) -> Task:
    """Take so many training and test images of every class."""

    def some(part: Part, count: int | None) -> Part:
        return part.some(per_class(part.labels, count, settings.seed)) if count else part

    return replace(task, train=some(task.train, settings.per_class), test=some(task.test, settings.test_per_class))


def _divided(name: str, classes: tuple[str, ...], whole: Part, settings: TaskSettings) -> Task:
    """A task of three parts, which cross-validation divides anew for every fold."""
    shares = settings.split
    assert shares is not None  # asked by open_task

    def divided(fold: int | None) -> Task:
        train, validation, test = map(whole.some, three_parts(whole.labels, shares, settings.seed, fold))
        return _taken(Task(name, classes, train, test, validation), settings)

    return replace(divided(0), fold=divided) if settings.cross_validation else divided(None)


def decoding_tasks(tasks: Iterable[Task]) -> Generator[Progress, None, None]:
    """Decode what was not decoded before, with progress, so that nobody waits for it in silence later."""
    for task in tasks:
        for part in (task.train, task.test):
            if isinstance(part.load, _Decoded):
                yield from part.load.work()


class _Decoded:
    """Loads the array of the images of one or several sources."""

    def __init__(self, sources: Sequence[Images], preprocessing: Preprocessing, cache: Path) -> None:
        self._sources, self._preprocessing, self._cache = sources, preprocessing, cache

    def work(self) -> Generator[Progress, None, np.ndarray]:
        arrays = []
        for images in self._sources:
            array = yield from decoding(images, self._preprocessing, self._cache)
            arrays.append(array)
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

    def __call__(self) -> np.ndarray:
        return with_bar(self.work(), quiet=True)


def _part(sources: Sequence[Images], preprocessing: Preprocessing, cache: Path) -> Part:
    roots = [images.root.absolute() for images in sources]
    root = Path(os.path.commonpath(roots)) if len(roots) > 1 else sources[0].root
    return Part(
        _Decoded(sources, preprocessing, cache),
        tuple(name for images in sources for name in _names_below(root, images)),
        np.concatenate([images.labels for images in sources]).astype(np.int64),
        np.arange(sum(map(len, sources))),
        root,
    )


def _names_below(root: Path, images: Images) -> Iterable[str]:
    """Names of images, relative to a folder above their own."""
    if images.root == root:
        return images.paths
    before = images.root.absolute().relative_to(root).as_posix()
    return (name if Path(name).is_absolute() else f"{before}/{name}" for name in images.paths)


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
