"""What was learnt and what was forgotten, as numbers; every definition has its name and its source.

Accuracies are shares, 0-1. A matrix of accuracies R has a row for every moment and a column for every task: R[t, j] is
the accuracy on task j after task t was learnt; tasks are learnt in the order of the columns.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def average_accuracy(accuracies: Array) -> float:
    """Mean accuracy on all tasks after the last one (Lopez-Paz & Ranzato 2017, "ACC")."""
    return float(accuracies[-1].mean())


def backward_transfer(accuracies: Array) -> float:
    """Mean of R[T, j] - R[j, j] over the tasks before the last (Lopez-Paz & Ranzato 2017, "BWT"); negative: forgotten.

    References
    ----------
    Lopez-Paz and Ranzato (2017), "Gradient Episodic Memory for Continual Learning", section 2.
    """
    return float(np.mean([accuracies[-1, task] - accuracies[task, task] for task in range(len(accuracies) - 1)]))


def _first_less_last(column: Array) -> float:
    return float(column[0] - column[-1])


def _largest_before_less_last(column: Array) -> float:
    return float(column[:-1].max() - column[-1])


def _largest_less_last(column: Array) -> float:
    return float(column.max() - column[-1])


FORGETTING: dict[str, Callable[[Array], float]] = {
    "first less last": _first_less_last,
    "largest before less last": _largest_before_less_last,
    "largest less last": _largest_less_last,
}
"""Definitions of a task's forgetting, from its accuracies since it was learnt, as libraries have them: Avalanche's;
FACIL's (and Chaudhry et al. 2018), below 0 where the last accuracy is the largest; mammoth's, never below 0."""


def forgetting(accuracies: Array, definition: str = "first less last") -> float:
    """Mean forgetting over the tasks before the last, by one of the definitions in `FORGETTING`."""
    tasks = range(len(accuracies) - 1)
    return float(np.mean([FORGETTING[definition](accuracies[task:, task]) for task in tasks]))


def loss(baseline: float, accuracy: float) -> float:
    """Accuracy that is missing to a baseline (Basarte 2019, tables 4.1 and 4.2); negative where there is more.

    Of the old task the baseline is the source net: the loss is what was forgotten. Of the new task it is a net that was
    trained for nothing else: the loss is the intransigence of Chaudhry et al. (2018).
    """
    return baseline - accuracy


def joint_loss(source_loss: float, target_loss: float) -> float:
    """Loss on both tasks together (Basarte 2019, section 4.3): their sum."""
    return source_loss + target_loss


def recovered_share(source_loss: float, fine_tuning_loss: float) -> float:
    """The share of what fine-tuning forgets that is not forgotten: 1 - loss / loss of fine-tuning.

    1 for nothing forgotten, 0 for as much as fine-tuning, negative for more; not a number where fine-tuning forgets
    nothing.
    """
    return 1 - source_loss / fine_tuning_loss if fine_tuning_loss > 0 else float("nan")
