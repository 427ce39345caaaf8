"""Which images make a batch: a function of seed and iteration, so that a run can go on anywhere with the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from finetune.tasks.pixels import room
from finetune.tasks.task import Part
from finetune.training.settings import TrainingSettings
from prototxt.pixels.preprocess import Preprocessing

ORDER, PLACES = 0, 1  # what random numbers are for; beside the seed and the epoch or the iteration


@dataclass(frozen=True, eq=False)
class Choice:
    """The images of a batch, and how each is seen.

    Parameters
    ----------
    rows : (B,) places of the images in the part.
    mirror : (B,) whether an image is mirrored.
    offsets : (B, 2) top and left of its crop; None for the centre.
    """

    rows: np.ndarray
    mirror: np.ndarray
    offsets: np.ndarray | None

    def share(self, rank: int, count: int) -> Choice:
        """Every ``count``-th of them, from ``rank`` on."""
        offsets = None if self.offsets is None else self.offsets[rank::count]
        return Choice(self.rows[rank::count], self.mirror[rank::count], offsets)


class Batches:
    """Batches of a part: every image once an epoch, in an order of its own.

    Parameters
    ----------
    part : the training images.
    preprocessing : of the net; says how far crops can move.
    settings : batch, mirror and crop.
    seed : of orders, mirrors and crops. Runs of one seed see the same batches, whatever their method.
    """

    def __init__(self, part: Part, preprocessing: Preprocessing, settings: TrainingSettings, seed: int) -> None:
        self.part, self.settings, self.seed = part, settings, seed
        self._room = room(part.images, preprocessing) if settings.crop == "random" else (0, 0)
        self._order = lru_cache(maxsize=2)(self.order)

    def order(self, epoch: int) -> np.ndarray:
        """(N,) rows of the part in the order of an epoch."""
        return np.random.default_rng([self.seed, ORDER, epoch]).permutation(len(self.part))

    def at(self, iteration: int) -> Choice:
        """The batch of an iteration, from 0 on."""
        size, count = self.settings.batch, len(self.part)
        places = np.arange(iteration * size, (iteration + 1) * size)
        rows = np.array([self._order(int(epoch))[place] for epoch, place in zip(places // count, places % count)])  # noqa: B905
        generator = np.random.default_rng([self.seed, PLACES, iteration])
        mirror = generator.random(size) < 0.5 if self.settings.mirror else np.zeros(size, bool)
        offsets = None
        if self.settings.crop == "random":
            offsets = generator.integers(0, np.array(self._room) + 1, (size, 2))
        return Choice(rows, mirror, offsets)
