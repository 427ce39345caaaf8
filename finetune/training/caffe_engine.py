"""Training in real Caffe: a folder is written, ``caffe train`` is run for every stage, its snapshot is merged back."""

from __future__ import annotations

import resource
from collections.abc import Generator, Mapping
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from finetune.errors import DivergedError, ExperimentError
from finetune.training.caffe_folder import WORDS, StageFiles, remove_images, write_stage, writing_images
from finetune.training.programs import refuse_missing, train
from finetune.training.rates import check_stages, stage_starts
from finetune.training.trainer import Job, Trained, Watch
from prototxt.common.progress import Progress
from prototxt.formats.weights import Weights, read_weights
from prototxt.split import merge_weights
from torchcaffe import policies

FOLDER = "caffe"


def training_in_caffe(job: Job, watch: Watch, program: str = "caffe") -> Generator[Progress, None, Trained]:
    """Train a prepared net in stock Caffe, as `finetune.training.trainer.training` does it.

    Rates, stages, crops and mirrors are the same; the order of images, and which are mirrored, are Caffe's own. A run
    that was stopped goes on from its last snapshot, with other random numbers than it would have had. There is no
    evaluation in training.

    Parameters
    ----------
    watch : files lie in a folder ``caffe`` beside its checkpoint.
    program : in `finetune.training.programs.TRAINERS`; ``torchcaffe`` obeys the same files.

    Raises
    ------
    ExperimentError : the net has terms, real Caffe is missing or ends with an error.
    DivergedError : the loss is no number.
    """
    check_stages(job.prepared)
    refuse_missing(program)
    if not job.prepared.is_plain:
        raise ExperimentError("the prepared net has terms beyond lr_mult, which real Caffe cannot train")
    if watch.checkpoint is None:
        with TemporaryDirectory(prefix="finetune-caffe-") as folder:
            return (yield from _training(job, watch, program, Path(folder)))
    return (yield from _training(job, watch, program, watch.checkpoint.with_name(FOLDER)))


def _training(job: Job, watch: Watch, program: str, folder: Path) -> Generator[Progress, None, Trained]:
    total = job.settings.iterations
    starts = [*stage_starts(job.prepared, total), total]
    weights: Weights = job.prepared.weights
    before = _seconds()
    yield Progress(0, total, "train: iterations")
    for _ in writing_images(job, folder):
        yield Progress(0, total, "train: iterations")
    losses: dict[int, float] = {}
    for number, (first, last) in enumerate(pairwise(starts)):
        files = StageFiles.of(number)
        split = write_stage(job, weights, number, first, last, folder)
        if not (folder / files.snapshot(last)).is_file():
            start = _latest(folder, files, first) or files.start
            work = train(program, folder, files.solver, start, folder / WORDS, "train: iterations", _environment())
            found = yield from work
            losses = dict(found.losses) | losses  # an iteration at which two stages meet is told twice
        merged = merge_weights(read_weights(folder / files.snapshot(last)), split.layers)
        weights = {name: merged.get(name, blobs) for name, blobs in weights.items()}
    _log(job, watch, losses)
    remove_images(folder)
    return Trained(_in_shape(weights, job.prepared.weights), _seconds() - before)


def _latest(folder: Path, files: StageFiles, first: int) -> str:
    """The last solver state that a stage left when it was stopped; empty for none."""
    states = {
        int(path.stem.rpartition("_")[2]): path.name for path in folder.glob(f"{files.prefix}_iter_*.solverstate")
    }
    return states[max(states)] if states and max(states) > first else ""


def _log(job: Job, watch: Watch, losses: Mapping[int, float]) -> None:
    solver, step = job.settings.solver(), 0
    for at, loss in sorted(losses.items()):
        if loss != loss or abs(loss) == float("inf"):
            raise DivergedError(f"the loss is {loss} in iteration {at}: the training diverged; take a smaller base_lr")
        step = policies.current_step(solver, at, step)
        watch.log({"iteration": at, "loss": loss, "lr": policies.learning_rate(solver, at, step)})


def _environment() -> dict[str, str]:
    """Caffe's BLAS takes as many threads as this process."""
    return {"OPENBLAS_NUM_THREADS": str(torch.get_num_threads()), "OMP_NUM_THREADS": str(torch.get_num_threads())}


def _seconds() -> float:
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in usage)


def _in_shape(weights: Weights, like: Weights) -> Weights:
    return {
        name: [blob.reshape(shape.shape) for blob, shape in zip(blobs, like[name], strict=True)]
        for name, blobs in weights.items()
    }
