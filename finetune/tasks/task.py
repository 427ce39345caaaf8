"""A task: images that are told apart by their classes, for training, for choosing settings, and for the test."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from finetune.errors import ExperimentError
from finetune.tasks.splits import stratified_share


@dataclass(frozen=True, eq=False)
class Part:
    """Images with their classes.

    Parameters
    ----------
    load : gives all images that this part is taken from, (M, H, W, 3) uint8 RGB, all of one size; called once, when
        images are first asked for.
    names : (N,) names of the images, relative to ``root``.
    labels : (N,) int64 class of every image.
    numbers : (N,) which of the loaded images these are.
    root : folder of the images; an image need not be a file of its own.
    """

    load: Callable[[], np.ndarray]
    names: tuple[str, ...]
    labels: np.ndarray
    numbers: np.ndarray
    root: Path = Path()

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def images(self) -> np.ndarray:
        """(N, H, W, 3) uint8 RGB."""
        loaded = self.load()
        if len(self) == len(loaded) and np.array_equal(self.numbers, np.arange(len(loaded))):
            return loaded
        return np.asarray(loaded[self.numbers])

    @cached_property
    def identity(self) -> str:
        """SHA-256 (hex) of pixels and labels in order: the same wherever the images lie."""
        digest = hashlib.sha256(repr(self.images.shape).encode())
        digest.update(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels, np.int64).data)
        return digest.hexdigest()

    def some(self, rows: np.ndarray, labels: np.ndarray | None = None) -> Part:
        """Give some of the images.

        Parameters
        ----------
        rows : their places in this part, or a mask.
        labels : their classes, where these change.
        """
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        return Part(
            self.load,
            tuple(self.names[row] for row in rows),
            self.labels[rows] if labels is None else labels,
            self.numbers[rows],
            self.root,
        )

    @classmethod
    def of_arrays(cls, images: np.ndarray, labels: Sequence[int] | np.ndarray) -> Part:
        """Make a part of images that are in memory, (N, H, W, 3) uint8 RGB."""
        names = tuple(f"{number}" for number in range(len(images)))
        return cls(lambda: images, names, np.asarray(labels, np.int64), np.arange(len(images)))


@dataclass(frozen=True, eq=False)
class Task:
    """A task.

    Parameters
    ----------
    name : how studies call it.
    classes : names of the classes in the order of their numbers.
    train, test : the images to learn from, and those that only the final evaluation sees.
    validation : images that settings are chosen by and training is stopped by, none of the training images; None
        until `held_out` takes some away, unless the task was divided into three parts.
    fold : gives the task with another part of its images as the test, by a number; None where all runs see the same.
    """

    name: str
    classes: tuple[str, ...]
    train: Part
    test: Part
    validation: Part | None = None
    fold: Callable[[int], Task] | None = None

    def for_run(self, seed: int) -> Task:
        """Give the task as the run with some seed sees it: in cross-validation with a test part of its own."""
        return self if self.fold is None else self.fold(seed)

    def held_out(self, share: float, seed: int = 0) -> Task:
        """Take a share of the training images, of every class alike, away for validation, unless it has some already.

        Parameters
        ----------
        share : in (0, 1).
        seed : of the choice.

        Raises
        ------
        ExperimentError : if nothing would be left to train on, or nothing to validate on.
        """
        if self.validation is not None:
            return self
        held = stratified_share(self.train.labels, share, seed)
        if not held.any() or held.all():
            raise ExperimentError(
                f"task {self.name!r}: a validation share of {share:g} of {len(self.train)} training images leaves "
                f"{int(held.sum())} images to validate on and {int((~held).sum())} to train on; choose another share"
            )
        return replace(self, train=self.train.some(~held), validation=self.train.some(held))

    def only_train(self, rows: np.ndarray) -> Task:
        """Give the same task with some of its training images."""
        return replace(self, train=self.train.some(rows))

    @cached_property
    def identity(self) -> str:
        """SHA-256 (hex) of the images and classes of all parts."""
        parts = [self.train, self.test, *([self.validation] if self.validation else [])]
        return hashlib.sha256("\n".join([*(part.identity for part in parts), *self.classes]).encode()).hexdigest()
