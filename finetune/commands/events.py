"""``python -m finetune events``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from finetune.results.events import writing_events
from finetune.tasks.cache import CACHE
from prototxt.common.progress import with_bar


def events_command(
    folder: Annotated[Path, tyro.conf.Positional], histograms: bool = False, cache: Path = CACHE
) -> None:
    """Write the runs of a study as TensorBoard events; it must be installed.

    Parameters
    ----------
    folder
        where the study was run.
    histograms
        also of weights, activations and gradients, and of H; the study must have kept its weights.
    cache
        folder of decoded images and unpacked archives.
    """
    place = with_bar(writing_events(folder, histograms, cache))
    print(f"look at them with: tensorboard --logdir {place}")
