"""A part of a task as an image source, for scans and the window."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from deepvis.sources.images import hash_of
from finetune.tasks.task import Part


@dataclass(frozen=True, eq=False)
class PartImages:
    """Images of a part as a `deepvis.sources.ImageSource`; they are read from memory, as they were resized.

    Parameters
    ----------
    part : whose images.
    classes : names of the classes.
    """

    part: Part
    classes: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        """Folder that `paths` are relative to."""
        return self.part.root

    @property
    def paths(self) -> tuple[str, ...]:
        """Their names."""
        return self.part.names

    @cached_property
    def labels(self) -> np.ndarray:
        """(N,) int32 their classes."""
        return self.part.labels.astype(np.int32)

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) over names and labels in order."""
        return hash_of(self.paths, self.labels.tolist())

    def __len__(self) -> int:
        return len(self.part)

    def read(self, index: int) -> np.ndarray:
        """One image, (H, W, 3) uint8 RGB."""
        return np.asarray(self.part.images[index])
