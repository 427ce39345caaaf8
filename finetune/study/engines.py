"""Programs and trainers that a study can train with."""

from __future__ import annotations

from collections.abc import Callable, Generator

from finetune.errors import ExperimentError
from finetune.training.caffe_engine import training_in_caffe
from finetune.training.trainer import Job, Trained, Watch, training
from prototxt.common.progress import Progress

Engine = Callable[[Job, Watch], Generator[Progress, None, Trained]]

ENGINES: dict[str, Engine] = {"torchcaffe": training, "torchrun": training, "caffe": training_in_caffe}
"""Trainers by the name that a study file has for them; with ``torchrun`` several processes run the same trainer."""


def engine_of(name: str, method: str, job: Job) -> Engine:
    """Find an engine that can train what a method prepared.

    Raises
    ------
    ExperimentError : it cannot.
    """
    if name == "caffe" and not job.prepared.is_plain:
        raise ExperimentError(
            f"method {method!r} has {len(job.prepared.terms)} terms beyond lr_mult, which real Caffe cannot train; "
            'give it engine = "torchcaffe"'
        )
    if name == "caffe" and job.settings.patience:
        raise ExperimentError('real Caffe cannot stop early (patience); give this row engine = "torchcaffe"')
    return ENGINES[name]
