"""From an estimate to a word: held, not held, undecided."""

from __future__ import annotations

from typing import Literal

from finetune.statistics.uncertainty import Estimate

Word = Literal["held", "not held", "undecided"]


def verdict(difference: Estimate, by: float = 0.0) -> Word:
    """Judge the claim that a difference is larger than ``by``.

    Parameters
    ----------
    difference : with its confidence interval.
    by : in the unit of the difference; negative for "not worse by more than".

    Returns
    -------
    ``held`` where the whole interval lies above ``by``, ``not held`` where it lies below or ends there, else
    ``undecided``: more seeds or test images would tell.
    """
    if difference.low > by:
        return "held"
    return "not held" if difference.high <= by else "undecided"
