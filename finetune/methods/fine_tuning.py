"""Plain fine-tuning: everything learns, and the old task is not thought of."""

from __future__ import annotations

from finetune.methods.parts.grids import BASE_LR
from finetune.methods.parts.start import HeadName, start
from finetune.methods.registry import method
from finetune.training.prepared import Prepared, Setting, Stage


@method("fine-tuning", "fine-tuning", "Girshick et al. (CVPR 2014), section 2.3", BASE_LR, head="fc7")
def prepare_fine_tuning(setting: Setting, head: HeadName) -> Prepared:
    """Train all layers for the new task at the full rate."""
    begun = start(setting, head)
    return begun.in_stages([Stage(1.0, begun.everything)])
