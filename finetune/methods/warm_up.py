"""The head learns alone before everything does."""

from __future__ import annotations

from finetune.methods.parts.grids import BASE_LR
from finetune.methods.parts.start import HeadName, start, warmed_up
from finetune.methods.registry import method
from finetune.training.prepared import Prepared, Setting


@method(
    "warm-up",
    "fine-tuning after a warm-up of the head",
    "Li & Hoiem (TPAMI 2018), Table 2b",
    BASE_LR,
    share=0.2,
    head="fc7",
)
def prepare_warm_up(setting: Setting, share: float, head: HeadName) -> Prepared:
    """Train the new head alone for a share of the iterations, then the whole net.

    A random head sends large gradients into the source net; a trained one does not.

    Parameters
    ----------
    share : of the iterations, in (0, 1), for the head alone. The paper trains the head to convergence.
    """
    begun = start(setting, head)
    return begun.in_stages(warmed_up(begun, share))
