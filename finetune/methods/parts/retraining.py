"""A short training on the old task, for methods that mend the source net or look at how it learns."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace

from finetune.training.prepared import Prepared, Rates, Setting, Stage, Term
from finetune.training.trainer import Job, Trained, training
from prototxt.common.progress import Progress
from prototxt.formats.schema import NetParameter
from prototxt.formats.weights import Weights


def training_on_old_task(
    setting: Setting,
    net: NetParameter,
    weights: Weights,
    output: str,
    rates: Mapping[str, Rates],
    iterations: int,
    base_lr: float,
    terms: Sequence[Term] = (),
) -> Generator[Progress, None, Weights]:
    """Train a net on the old task's training images, at a fixed rate and otherwise as the new task will be.

    Parameters
    ----------
    net, weights : deploy net, with the old head.
    output : blob of the old head's scores.
    rates : of its layers.
    iterations : updates; with 0 the weights come back as they are.
    base_lr : learning rate.
    terms : as in `Prepared`.
    """
    if not iterations:
        return weights
    prepared = Prepared(net, weights, output, output, [Stage(1.0, rates)], terms)
    changes = {"iterations": iterations, "base_lr": base_lr, "policy": "fixed", "evaluate": 0}
    how = setting.training.model_copy(update=changes)
    job = Job(prepared, setting.source.train, setting.model.preprocessing, how, setting.seed, setting.device)
    work = training(job)
    try:
        while True:
            yield replace(next(work), what="old task: iterations")
    except StopIteration as stop:
        trained: Trained = stop.value
        return trained.weights
    finally:
        work.close()
