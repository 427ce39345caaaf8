"""A short training on the old task, for methods that mend the source net or look at how it learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from finetune.training.prepared import Prepared, Rates, Setting, Stage, Term
from finetune.training.trainer import Job, training
from prototxt.common.progress import with_bar
from prototxt.formats.schema import NetParameter
from prototxt.formats.weights import Weights


def train_on_old_task(
    setting: Setting,
    net: NetParameter,
    weights: Weights,
    output: str,
    rates: Mapping[str, Rates],
    iterations: int,
    base_lr: float,
    terms: Sequence[Term] = (),
) -> Weights:
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
    return with_bar(training(job), quiet=True).weights
