"""What a net answers that is not told which task an image belongs to."""

from __future__ import annotations

import numpy as np


def without_being_told(
    gate: dict[str, np.ndarray], correct: dict[str, np.ndarray], order: tuple[str, str] = ("source", "target")
) -> dict[str, float]:
    """Give the accuracy of a net whose gate chooses the head.

    Parameters
    ----------
    gate : task to (N, 2) scores of the gate for that task's images, of the old and of the new task; the higher one's
        head answers, the old one's where they are equal.
    correct : task to (N,) whether the head of the image's own task is right.
    order : the tasks in the order of the gate's scores.

    Returns
    -------
    For each task the share of its images that the gate finds to be of it (``source_gate``), and of those that are told
    right without being told the task (``source_untold``), in 0-1.
    """
    found = {}
    for place, task in enumerate(order):
        mine = gate[task].argmax(1) == place
        found[f"{task}_gate"] = float(mine.mean())
        found[f"{task}_untold"] = float((mine & correct[task]).mean())
    return found
