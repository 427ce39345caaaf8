"""L2-SP: weights decay towards those of the source net, not towards 0."""

from __future__ import annotations

from finetune.methods.parts.anchor import Anchor
from finetune.methods.parts.grids import BASE_LRS
from finetune.methods.parts.start import HeadName, start, without_decay
from finetune.methods.registry import method
from finetune.training.prepared import Prepared, Setting


@method(
    "l2-sp",
    "L2-SP",
    "Li, Grandvalet & Davoine (ICML 2018), section 3",
    {"strength": (0.001, 0.01, 0.1, 1.0), "base_lr": BASE_LRS},
    plain=False,
    strength=0.01,
    head="fc7",
)
def prepare_l2_sp(setting: Setting, strength: float, head: HeadName) -> Prepared:
    """Train all layers, with a penalty on the squared distance of the weights to those of the source net.

    ``loss = new + strength / 2 · Σ (θ - θ*)²`` over weights and biases of the source net's shared layers, in the place
    of the solver's weight decay, which stays for the new head (the paper's β).

    Parameters
    ----------
    strength : the paper's alpha.
    """
    begun = start(setting, head)
    shared = begun.trunk.shared
    prepared = begun.prepared(dict.fromkeys(shared, 1.0), terms=[Anchor(strength / 2, shared)])
    return without_decay(prepared, shared)
