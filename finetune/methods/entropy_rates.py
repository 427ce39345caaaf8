"""The six methods of the thesis: the lower H of a filter, the faster it learns."""

from __future__ import annotations

from entropy.planning.quantize import DEFAULT_LEVELS
from entropy.planning.transfer import TRANSFER
from finetune.methods.parts.grids import BASE_LR
from finetune.methods.parts.plans import ProfileName, ScopeName, plan_of, what_is_free
from finetune.methods.parts.start import FcName, HeadName, start
from finetune.methods.registry import method
from finetune.training.prepared import Prepared, Setting


def prepare_by_entropy(
    setting: Setting,
    transfer: int,
    profile: ProfileName,
    scope: ScopeName,
    levels: int | None,
    head: HeadName,
    fc: FcName,
) -> Prepared:
    """Give every filter a rate that falls with H, the entropy of its activity on the old task.

    Parameters
    ----------
    transfer : which function of H: 1 to 3 free a filter below a threshold that frees 40, 15 or 8.5 % of the net;
        4 to 6 are 1 - (H/Hmax)², 1 - H/Hmax and exp(-2 H/Hmax).
    profile : how H is measured and what Hmax is.
    scope : of the threshold of 1 to 3.
    levels : most different rates in a layer, so that stock Caffe can train it; None for exact ones.
    head : what the new head reads.
    fc : what becomes of the hidden fully connected layers, which the plan has no rates for.
    """
    made = plan_of(setting, transfer, profile, scope, levels)
    rates = made.multipliers
    notes = [what_is_free(rates)]
    if made.threshold is not None:
        notes.append(f"threshold {made.threshold:.3f} bits")
    return start(setting, head, fc).prepared(rates, notes)


for _number, _transfer in TRANSFER.items():
    _of_all = f", {100 * _transfer.default_share:g} % of all filters" if _transfer.default_share is not None else ""
    method(
        f"m{_number}",
        f"M{_number}: {_transfer.formula}{_of_all}",
        f"Basarte (2019), section 3.3, f{_number}",
        BASE_LR,
        transfer=_number,
        profile="default",
        scope="network",
        levels=DEFAULT_LEVELS,
        head="fc7",
        fc="frozen",
    )(prepare_by_entropy)
