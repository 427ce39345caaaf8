"""``python -m finetune evaluate``."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from finetune.errors import ExperimentError
from finetune.evaluation.probe import Kind
from finetune.evaluation.scores import Crops, Scores
from finetune.evaluation.trained import TrainedHead, heads_of_split_folder
from finetune.study.reopening import is_run, reopen
from finetune.tasks.cache import CACHE
from finetune.tasks.opening import TaskSettings, open_task
from finetune.tasks.task import Task
from prototxt.common.atomic import write_text
from prototxt.common.progress import with_bar


def evaluate_command(
    folder: Annotated[Path, tyro.conf.Positional],
    crops: Crops = "centre",
    probe: Kind | None = None,
    confusion: Path | None = None,
    net: Path | None = None,
    snapshot: Path | None = None,
    preprocessing: Path | None = None,
    source_images: str | None = None,
    target_images: str | None = None,
    device: str = "cpu",
    cache: Path = CACHE,
) -> None:
    """Say what a trained net knows of the old task and of the new one, every test image once.

    Parameters
    ----------
    folder
        of a run of a study, also of one that is training (its newest checkpoint); or a folder of entropy write.
    crops
        centre, or ten (four corners and the centre, and their mirror images; probabilities are averaged).
    probe
        also train a linear classifier on the trunk's features for the old task: ridge or logistic.
    confusion
        folder for the confusion matrices, as CSV.
    net
        of a folder of entropy write: the source net that it was written from.
    snapshot
        of such a folder: the caffemodel; by default the newest.
    preprocessing
        of such a folder: file, in place of the net's own.
    source_images, target_images
        of such a folder: data sets (a folder or archive with train/ and test/, a list, an LMDB) whose test images are
        looked at.
    device
        where the net computes.
    cache
        folder of decoded images and unpacked archives.
    """
    if is_run(folder):
        run = reopen(folder, cache)
        print(f"{run.config['title']}, {run.config['direction']}, seed {run.config['seed']}: iteration {run.iteration}")
        heads, tasks = run.heads, {"source": run.material.source, "target": run.material.target}
    else:
        heads = heads_of_split_folder(folder, net, snapshot, preprocessing)
        images = {"source": source_images, "target": target_images}
        tasks = {name: _task(name, path, heads[name], cache) for name, path in images.items() if path}
        if not tasks:
            raise ExperimentError("give --source-images, --target-images, or both")
    scores = {name: with_bar(heads[name].scoring(task.test, crops, device)) for name, task in tasks.items()}
    _show(scores, tasks)
    if probe and "source" in tasks:
        source = tasks["source"]
        accuracy = with_bar(heads["source"].probing(source.train, source.test, probe, device))
        print(f"source, linear probe ({probe}): {accuracy:.2%}")
    if confusion is not None:
        _write_confusion(scores, tasks, confusion)


def _task(name: str, path: str, head: TrainedHead, cache: Path) -> Task:
    return open_task(name, TaskSettings(images=path), head.preprocessing, cache=cache)


def _show(scores: Mapping[str, Scores], tasks: Mapping[str, Task]) -> None:
    for name, each in scores.items():
        print(
            f"{name} ({tasks[name].name}): {each.accuracy:.2%} of {len(each.labels)} test images, loss {each.loss:.4f}"
        )


def _write_confusion(scores: Mapping[str, Scores], tasks: Mapping[str, Task], folder: Path) -> None:
    for name, each in scores.items():
        text = io.StringIO()
        classes = tasks[name].classes
        print(",".join(["", *classes]), file=text)
        for label, row in zip(classes, np.asarray(each.confusion), strict=False):
            print(",".join([label, *map(str, row)]), file=text)
        write_text(folder / f"confusion_{name}.csv", text.getvalue())
        print(f"wrote {folder / f'confusion_{name}.csv'}")
