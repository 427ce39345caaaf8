"""Images for methods that look at some before or while they train."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from finetune.tasks.pixels import blobs
from finetune.tasks.task import Part
from finetune.training.batches import Batches
from finetune.training.prepared import Batch, Setting

BATCH = 32


class OldBatches:
    """Training batches of the old task, cropped and mirrored as those of the new one.

    Parameters
    ----------
    setting : its ``training`` says how many images make a batch, and how they are seen.
    """

    def __init__(self, setting: Setting) -> None:
        self._part, self._preprocessing = setting.source.train, setting.model.preprocessing
        self._batches = Batches(self._part, self._preprocessing, setting.training, setting.seed)

    def at(self, iteration: int) -> Batch:
        """Give the batch of an iteration, from 0 on."""
        choice = self._batches.at(iteration)
        images = self._part.images[choice.rows]
        blob = blobs(images, self._preprocessing, choice.offsets, choice.mirror)
        return Batch(torch.from_numpy(blob), torch.from_numpy(self._part.labels[choice.rows]))


def some_old_images(setting: Setting, count: int) -> Iterator[Batch]:
    """Draw training images of the old task; see `some_images`."""
    return some_images(setting, setting.source.train, count)


def some_images(setting: Setting, part: Part, count: int) -> Iterator[Batch]:
    """Draw images without replacement, centre crops, in batches.

    Parameters
    ----------
    setting : its seed decides which, and its model how they are preprocessed.
    part : training images of one of the tasks.
    count : how many; all of them where there are fewer.
    """
    chosen = np.random.default_rng([setting.seed, 1]).permutation(len(part))[:count]
    for first in range(0, len(chosen), BATCH):
        rows = chosen[first : first + BATCH]
        blob = blobs(part.images[rows], setting.model.preprocessing)
        yield Batch(torch.from_numpy(blob), torch.from_numpy(part.labels[rows]))
