"""Images of the old task, for methods that may look at them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from finetune.tasks.pixels import blobs
from finetune.training.prepared import Batch, Setting

BATCH = 32


def some_old_images(setting: Setting, count: int) -> Iterator[Batch]:
    """Draw training images of the source task, without replacement, centre crops, in batches.

    Parameters
    ----------
    count : how many; all of them where the task has fewer.
    """
    part = setting.source.train
    chosen = np.random.default_rng([setting.seed, 1]).permutation(len(part))[:count]
    for first in range(0, len(chosen), BATCH):
        rows = chosen[first : first + BATCH]
        blob = blobs(part.images[rows], setting.model.preprocessing)
        yield Batch(torch.from_numpy(blob), torch.from_numpy(part.labels[rows]))
