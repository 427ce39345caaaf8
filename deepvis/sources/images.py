"""A fixed sequence of images: names, classes, and reading them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from deepvis.sources.names import PAIR, below, split_name, split_pair
from deepvis.sources.reading import Reader
from prototxt.pixels.samples import Sample

UNKNOWN = -1


class ImageSource(Protocol):
    """A fixed sequence of N images; what the scan and the window take their input from."""

    @property
    def root(self) -> Path:
        """Folder that ``paths`` are relative to."""

    @property
    def paths(self) -> Sequence[str]:
        """N names (`deepvis.sources.names`), with ``/`` between folders; an absolute one stands for itself."""

    @property
    def labels(self) -> np.ndarray:
        """(N,) int32 class of every image, -1 where it is not known."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of their numbers; empty where the images came without."""

    @property
    def hash(self) -> str:
        """SHA-256 (hex) over names and labels in order: the identity of the sequence, wherever its root is."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> Sample:
        """Decode one image, a picture as (H, W, 3) uint8 RGB; raises `ImageError` if it cannot be."""


@dataclass(frozen=True)
class Images:
    """Images by their names, in a fixed order; the names say what they are and so how they are read.

    Parameters
    ----------
    root : folder that the names are relative to.
    paths : names relative to ``root`` with ``/`` between folders, or absolute ones.
    classes_of : class of every image, -1 where it is not known; empty means that none is known.
    classes : names of the classes in the order of their numbers, if they came with the images.
    origin : what was opened, by which they can be opened again; None for images that were put together otherwise.
    """

    root: Path
    paths: tuple[str, ...]
    classes_of: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()
    origin: Path | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.paths)

    def place(self, index: int) -> str:
        """Where one image is, for messages."""
        return below(self.root, self.paths[index])

    def path(self, index: int) -> Path:
        """The file that one image is in (the first one's of a pair)."""
        return self.root / split_name(split_pair(self.paths[index])[0]).file

    def read(self, index: int) -> Sample:
        """Decode one image; raises `ImageError` if it cannot be."""
        return self._reader.read(self.root, self.paths[index])

    def rate(self, index: int) -> float:
        """Frames per second of the video that an image is of; raises `ImageError` if it is of none."""
        return self._reader.rate(str(self.path(index)))

    @property
    def are_pairs(self) -> bool:
        """Whether each image is two."""
        return PAIR in self.paths[0]

    @cached_property
    def labels(self) -> np.ndarray:
        """(N,) int32 class of every image, -1 where it is not known."""
        return np.array(self.classes_of or [UNKNOWN] * len(self.paths), np.int32)

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) over ``path NUL label LF`` of every image in order."""
        return hash_of(self.paths, self.labels.tolist())

    @cached_property
    def _reader(self) -> Reader:
        return Reader()


@dataclass(frozen=True)
class SomeImages:
    """Some images of a source, an `ImageSource` itself."""

    source: ImageSource
    numbers: tuple[int, ...]

    @property
    def root(self) -> Path:
        """Folder that `paths` are relative to."""
        return self.source.root

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.source.paths[number] for number in self.numbers)

    @cached_property
    def labels(self) -> np.ndarray:
        """(n,) int32 their classes."""
        return self.source.labels[list(self.numbers)]

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the source."""
        return self.source.classes

    @property
    def hash(self) -> str:
        """Of the source."""
        return self.source.hash

    def __len__(self) -> int:
        return len(self.numbers)

    def read(self, index: int) -> Sample:
        """Decode one of them."""
        return self.source.read(self.numbers[index])


def hash_of(paths: Iterable[str], labels: Iterable[int]) -> str:
    """SHA-256 (hex) over ``path NUL label LF`` of every image in order."""
    digest = hashlib.sha256()
    for path, label in zip(paths, labels, strict=True):
        digest.update(f"{path}\0{label}\n".encode())
    return digest.hexdigest()
