"""Mean and standard deviation per channel of arrays that are no pictures; the same bits in any order of the arrays."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from deepvis.errors import ImageError
from deepvis.pixels.summing import only_geometry, summing
from deepvis.scan.exact_sum import LIMBS, ExactSums, mean_and_variance
from deepvis.sources import ImageSource
from prototxt.common.progress import Progress
from prototxt.pixels.inputs import input_blob
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.samples import Planes


@dataclass
class ArraySums:
    """Sums over arrays (C, …) of one number of channels.

    Parameters
    ----------
    images, values : how many arrays, and how many values of each channel, went in.
    sums, squares : (C,) of the values and of their squares, without rounding between arrays; None before the first.
    errors : of the images that could not be used.
    """

    images: int = 0
    values: int = 0
    sums: ExactSums | None = None
    squares: ExactSums | None = None
    errors: list[ImageError] = field(default_factory=list)

    def add(self, array: np.ndarray) -> None:
        """Add an array, (C, …) float32; an `ImageError` if it has another number of channels."""
        rows = torch.from_numpy(array.reshape(len(array), -1)).double()
        if self.sums is None or self.squares is None:
            self.sums, self.squares = (ExactSums(torch.zeros(LIMBS, len(rows), dtype=torch.int64)) for _ in range(2))
        if len(rows) != self.sums.limbs.shape[1]:
            raise ImageError(
                f"an array of {len(rows)} channels among others of {self.sums.limbs.shape[1]}; take one kind"
            )
        self.sums.add(rows.sum(1)[None])
        self.squares.add(rows.square().sum(1)[None])
        self.images += 1
        self.values += rows.shape[1]

    def mean_and_std(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation (of the population of all values) of every channel."""
        assert self.sums is not None
        assert self.squares is not None
        self.sums.carry()
        self.squares.carry()
        counts = np.full(self.sums.limbs.shape[1], self.values)
        mean, variance = mean_and_variance(self.sums.limbs.numpy(), self.squares.limbs.numpy(), counts)
        return mean.tolist(), np.sqrt(variance).tolist()


def holds_arrays(images: ImageSource) -> bool:
    """Whether the first image of a source that can be read is an array."""
    for index in range(len(images)):
        try:
            return isinstance(images.read(index), Planes)
        except ImageError:
            continue
    return False


def array_mean(
    images: ImageSource, geometry: Preprocessing, *, workers: int | None = None, strict: bool = False
) -> Generator[Progress, None, ArraySums]:
    """Sum up the values of all arrays.

    Parameters
    ----------
    images, geometry : as in `deepvis.pixels.dataset_mean.dataset_mean`.
    workers, strict : as in `deepvis.pixels.summing.summing`, as what is yielded and raised.
    """
    to_blob = partial(input_blob, preprocessing=only_geometry(geometry, "STORED"))
    return summing(ArraySums(), images, to_blob, workers, strict)
