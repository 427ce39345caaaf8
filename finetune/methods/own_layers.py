"""The source net stays frozen, and the new task has some layers of its own beside it: nothing is forgotten."""

from __future__ import annotations

from entropy.surgery.adapters import add_adapters
from entropy.surgery.own_layers import add_own_layers
from finetune.methods.parts.grids import BASE_LR
from finetune.methods.parts.start import HeadName, blobs_of_head, old_net, prepare, task_head, trunk_of
from finetune.methods.registry import method
from finetune.training.prepared import Prepared, Setting


@method("own-fc", "own fully connected layers", "ours", BASE_LR, head="fc7")
def prepare_own_fc(setting: Setting, head: HeadName) -> Prepared:
    """Train the new task's own copies of the hidden fully connected layers on the frozen convolutions."""
    old, model = old_net(setting), setting.model
    new = task_head(setting, blobs_of_head(old, head))
    return prepare(
        add_own_layers(model.net, model.weights, trunk_of(old).hidden, new, suffix=setting.suffix, seed=setting.seed)
    )


@method("own-net", "own net", "fine-tuning of a copy", BASE_LR, head="fc7")
def prepare_own_net(setting: Setting, head: HeadName) -> Prepared:
    """Train the new task's own copy of the whole source net.

    The source net stays as it is: twice the size, and nothing is forgotten.
    """
    old, model = old_net(setting), setting.model
    trunk = trunk_of(old)
    new = task_head(setting, blobs_of_head(old, head))
    units = (*trunk.convolutions, *trunk.hidden)
    return prepare(add_own_layers(model.net, model.weights, units, new, suffix=setting.suffix, seed=setting.seed))


@method("adapters", "adapters", "Rebuffi et al. (NeurIPS 2017), per-channel", BASE_LR, head="fc7")
def prepare_adapters(setting: Setting, head: HeadName) -> Prepared:
    """Train a factor and an offset of every filter for the new task, the filters themselves frozen.

    The source is close: there, an adapter is a 1×1 convolution with BatchNorm; here it is its diagonal.
    """
    old, model = old_net(setting), setting.model
    new = task_head(setting, blobs_of_head(old, head))
    return prepare(
        add_adapters(
            model.net, model.weights, trunk_of(old).convolutions, new, suffix=setting.suffix, seed=setting.seed
        )
    )
