"""``python -m entropy repair``: before filters are freed, the old task learns to do without them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from entropy.commands import reporting
from entropy.commands.extension_options import filters_to_free
from entropy.measuring.measures import MeasureName
from entropy.split_folder.extension import Extension
from entropy.split_folder.repairing import repairing
from entropy.split_folder.solver_file import SolverSettings
from entropy.split_folder.task import Task
from prototxt.common.progress import with_bar


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How the old task is trained once more.

    Parameters
    ----------
    base_lr
        learning rate; a trained net wants a small one, or the repair does more harm than the cut.
    max_iter
        iterations.
    momentum, weight_decay
        of SGD.
    batch
        training pictures per batch.
    mirror
        flip half of the training pictures.
    seed
        of random numbers: mirrors, crops, dropout, and of a random choice of filters.
    """

    base_lr: float = 0.0001
    max_iter: int = 500
    momentum: float = 0.9
    weight_decay: float = 0.0005
    batch: int = 32
    mirror: bool = True
    seed: int = 1


def repair_command(
    *,
    net: Path,
    weights: Path,
    free: str,
    images: Path,
    out: Path = Path("repaired"),
    table: Path | None = None,
    choose_by: MeasureName = "entropy",
    choose_highest: bool = False,
    test_images: Path | None = None,
    root: Path | None = None,
    preprocessing: Path | None = None,
    training: Annotated[TrainingOptions, tyro.conf.OmitArgPrefixes] = TrainingOptions(),
) -> None:
    """Let the old task learn to do without filters, before `write --free` gives them to a new one.

    Parameters
    ----------
    net
        the old deploy net.
    weights
        its caffemodel.
    free
        filters that the old task is to do without, those with the lowest score: conv5=0.4.
    images
        list of the OLD task's training pictures, "path label" lines.
    out
        folder for repaired.caffemodel and freed.json.
    table
        entropy.csv (or .h5) by which filters are chosen.
    choose_by
        the score that they are chosen by; random needs no table.
    choose_highest
        choose the highest scores, not the lowest.
    test_images
        list of the old task's test pictures: what the cut costs and what the repair brings back is told.
    root
        folder that the lists' relative paths start from; by default each list's own folder.
    preprocessing
        JSON file with the net's preprocessing; by default the conversion.json beside the net.
    training
        how the old task is trained once more.
    """
    chosen = Extension(table=table, choose_by=choose_by, choose_highest=choose_highest, **filters_to_free(free))
    task = Task(
        images=images,
        head="",
        test_images=test_images,
        root=root,
        preprocessing=preprocessing,
        batch=training.batch,
        mirror=training.mirror,
    )
    settings = SolverSettings(
        base_lr=training.base_lr,
        max_iter=training.max_iter,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
        seed=training.seed,
    )
    try:
        done = with_bar(repairing(net, weights, chosen, task, settings, out=out))
    except KeyboardInterrupt:
        print(f"\nstopped; a snapshot is in {out}, and the same command goes on from it")
        raise
    print(reporting.describe_repaired(done, net))
