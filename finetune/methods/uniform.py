"""One rate for many filters: the controls that rates of single filters must be compared with."""

from __future__ import annotations

from typing import Literal

import numpy as np

from finetune.methods.parts.grids import BASE_LR
from finetune.methods.parts.plans import ProfileName, plan_of
from finetune.methods.parts.start import FcName, HeadName, start
from finetune.methods.registry import method
from finetune.training.prepared import Prepared, Setting


@method(
    "fine-tuning-tenth",
    "fine-tuning, source net at 0.1",
    "Li & Hoiem (TPAMI 2018), Table 1, fine-tuning with 10 % of the rate",
    BASE_LR,
    rate=0.1,
    head="fc7",
)
def prepare_fraction(setting: Setting, rate: float, head: HeadName) -> Prepared:
    """Train the whole source net at a fraction of its rates, the new head at the full ones.

    Parameters
    ----------
    rate : of every layer of the source net.
    """
    begun = start(setting, head)
    return begun.prepared(dict.fromkeys(begun.trunk.shared, rate))


@method(
    "fine-tuning-layer-mean-rate",
    "fine-tuning, each layer at M2's mean rate",
    "control of M2 (Basarte 2019)",
    BASE_LR,
    scope="layer",
    profile="default",
    head="fc7",
    fc="frozen",
)
@method(
    "fine-tuning-mean-rate",
    "fine-tuning, convolutions at M2's mean rate",
    "control of M2 (Basarte 2019)",
    BASE_LR,
    scope="network",
    profile="default",
    head="fc7",
    fc="frozen",
)
def prepare_mean_rate(
    setting: Setting, scope: Literal["network", "layer"], profile: ProfileName, head: HeadName, fc: FcName
) -> Prepared:
    """Train all filters at the mean rate of M2's plan instead of some at 1 and the others at 0.

    Parameters
    ----------
    scope : mean over all filters of the network, or of each layer.
    profile, head, fc : as for M2.
    """
    rates = plan_of(setting, 2, profile).multipliers
    over_all = float(np.concatenate(list(rates.values())).mean())
    means = {name: over_all if scope == "network" else float(of_layer.mean()) for name, of_layer in rates.items()}
    note = ", ".join(f"{name} {rate:.4g}" for name, rate in means.items())
    return start(setting, head, fc).prepared(means, [f"rates: {note}"])
