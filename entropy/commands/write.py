"""``python -m entropy write``: the folder that stock Caffe trains in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import tyro

from entropy.commands import reporting
from entropy.commands.extension_options import ExtensionOptions
from entropy.commands.per_layer import numbers_by_layer
from entropy.errors import PlanError
from entropy.split_folder.solver_file import SolverSettings
from entropy.split_folder.task import Task, TaskOptions
from entropy.split_folder.writing import writing
from prototxt.common.progress import with_bar

T = TypeVar("T")
# A dataclass of options whose flags carry no prefix.
Flat = Annotated[T, tyro.conf.OmitArgPrefixes]


def write_command(
    plan: tyro.conf.Positional[Path | None] = None,
    *,
    net: Path,
    weights: Path,
    out: Path,
    images: Path | None = None,
    head: str | None = None,
    task: Flat[TaskOptions] = TaskOptions(),  # noqa: B008 - frozen
    solver: Flat[SolverSettings] = SolverSettings(),  # noqa: B008 - frozen
    solver_file: Path | None = None,
    rate: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    extension: Flat[ExtensionOptions] = ExtensionOptions(),  # noqa: B008 - frozen
    bias_lr: float = 2.0,
    bias_decay: float = 0.0,
) -> None:
    """Write the folder that stock Caffe trains in.

    Parameters
    ----------
    plan
        plan.json; it can be left out where the options below say what learns.
    net
        the deploy net that was scanned, with a task; or a train_val net as it is.
    weights
        its caffemodel.
    out
        the folder.
    images
        list of the new task's training pictures, "path label" lines (with a deploy net).
    head
        name of the new classifier layer (with a deploy net).
    task
        more about the new task.
    solver
        how to train.
    solver_file
        a solver.prototxt in place of the solver settings.
    rate
        rate of a layer that the plan does not name, such as fc6=0 or conv1=0.1; can be given again.
    extension
        the new task in the old net or beside it.
    bias_lr
        lr_mult of biases about which the net says nothing.
    bias_decay
        decay_mult of these.
    """
    if (images is None) != (head is None):
        raise PlanError("a new task needs both --images and --head")
    whole = None if images is None or head is None else Task(images=images, head=head, **vars(task))
    work = writing(
        plan,
        net,
        weights,
        solver_file or solver,
        out=out,
        task=whole,
        extension=extension.extension(),
        rates=numbers_by_layer("--rate", rate),
        bias_lr=bias_lr,
        bias_decay=bias_decay,
    )
    print(reporting.describe_written(with_bar(work)))
