"""Confusion matrices of a run as a small JSON file: which class is taken for which."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finetune.errors import ExperimentError
from prototxt.common.atomic import write_text


@dataclass(frozen=True, eq=False)
class Confusion:
    """A confusion matrix.

    Parameters
    ----------
    classes : names.
    counts : (classes, classes) number of images of the class of the row that were taken for that of the column.
    """

    classes: tuple[str, ...]
    counts: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """Rows as shares of their images, 0-1; a class without images has zeros."""
        images = self.counts.sum(1, keepdims=True)
        return np.divide(self.counts, images, out=np.zeros(self.counts.shape), where=images > 0)

    def __add__(self, other: Confusion) -> Confusion:
        """The images of both, of the same classes."""
        return Confusion(self.classes, self.counts + other.counts)


def write_confusions(path: Path, **matrices: Confusion) -> None:
    """Write matrices by name, a line for every row."""
    parts = []
    for name, each in matrices.items():
        rows = ",\n".join(f"   {json.dumps(row)}" for row in each.counts.tolist())
        parts.append(
            f' {json.dumps(name)}: {{\n  "classes": {json.dumps(each.classes)},\n  "counts": [\n{rows}\n  ]\n }}'
        )
    write_text(path, "{\n" + ",\n".join(parts) + "\n}\n")


def read_confusions(path: Path) -> Mapping[str, Confusion]:
    """Read what `write_confusions` wrote.

    Raises
    ------
    ExperimentError : it cannot be read.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: Confusion(tuple(each["classes"]), np.array(each["counts"], np.int64)) for name, each in found.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExperimentError(f"{path}: cannot be read ({error}); run the study again") from error
