"""Accuracy without being told the task."""

import numpy as np

from finetune.evaluation.gate import without_being_told


def test_by_hand():
    gate = {
        "source": np.array([[2.0, 1], [1, 2], [3, 3], [5, 0]]),  # the second goes to the wrong head
        "target": np.array([[0.0, 1], [4, 1]]),  # so does this second one
    }
    correct = {"source": np.array([True, True, False, True]), "target": np.array([False, True])}
    assert without_being_told(gate, correct) == {
        "source_gate": 0.75,
        "source_untold": 0.5,
        "target_gate": 0.5,
        "target_untold": 0.0,
    }
