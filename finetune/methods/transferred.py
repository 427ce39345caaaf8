"""How much of the source net is transferred: its first layers, all of it, or nothing."""

from __future__ import annotations

from dataclasses import replace

from entropy.surgery.own_layers import add_own_layers
from finetune.errors import ExperimentError
from finetune.methods.parts.fresh import with_fresh_weights
from finetune.methods.parts.grids import BASE_LR
from finetune.methods.parts.start import old_net, prepare, start, task_head, trunk_of
from finetune.methods.registry import method
from finetune.training.prepared import Prepared, Setting, Stage


@method("scratch", "from scratch", "Soekhoe (2016), base", BASE_LR, filler="msra")
def prepare_scratch(setting: Setting, filler: str) -> Prepared:
    """Train the same net from fresh weights for the new task alone: what it can learn without transfer.

    The old net stays beside it.

    Parameters
    ----------
    filler : as for `prepare_transferred`.
    """
    return prepare_transferred(setting, 0, filler)


@method("snt", "first layers frozen, others fresh", "Soekhoe (2016), S1T–S7T", BASE_LR, layers=3, filler="msra")
def prepare_transferred(setting: Setting, layers: int, filler: str) -> Prepared:
    """Transfer and freeze the first layers, and train the others from fresh weights.

    The fresh layers stand beside the old ones under new names, so the old task keeps its own and forgets nothing.

    Parameters
    ----------
    layers : how many layers with units are transferred, from the input on; the classifier never is.
    filler : Caffe's type of filler of the fresh weights; msra suits ReLU. Fresh biases are 0.

    Raises
    ------
    ExperimentError : the net has fewer layers.
    """
    trunk = trunk_of(old_net(setting))
    units = [*trunk.convolutions, *trunk.hidden]
    if not 0 <= layers <= len(units):
        raise ExperimentError(f"snt: the net has {len(units)} layers before its classifier; got {layers}")
    fresh = units[layers:]
    if not fresh:
        return start(setting).prepared()
    model = setting.model
    made = add_own_layers(model.net, model.weights, fresh, task_head(setting), suffix=setting.suffix, seed=setting.seed)
    note = f"fresh for the new task: {', '.join(fresh)}"
    return prepare(with_fresh_weights(made, made.copied_from, filler, setting.seed), notes=[note])


@method("ft-all", "all transferred, all trained at one rate", "Soekhoe (2016), FTall", BASE_LR)
def prepare_all(setting: Setting) -> Prepared:
    """Train the whole source net and the new head at the same rate.

    As fine-tuning, but the head has no higher rate than the layers below.
    """
    begun = start(replace(setting, head_rates=(1.0, 2.0)))
    return begun.in_stages([Stage(1.0, begun.everything)])
