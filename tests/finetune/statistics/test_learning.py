import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.statistics.learning import (
    FORGETTING,
    average_accuracy,
    backward_transfer,
    forgetting,
    joint_loss,
    loss,
    recovered_share,
)

# Basarte (2019), tables 4.1 and 4.2: source and target accuracy, joint loss as printed, in %.
INDOOR, FLOWERS = 62.61, 85.88
I_TO_F = {
    "FT": (45.37, 82.28, 20.82),
    "M1": (52.46, 81.10, 14.92),
    "M2": (57.08, 80.40, 11.00),
    "M3": (57.16, 78.48, 12.83),
    "M4": (48.58, 81.41, 18.50),
    "M5": (52.01, 81.29, 15.17),
    "M6": (54.40, 80.68, 13.41),  # printed 13.32, with a misprinted loss of 8.12 for 8.21
}
F_TO_I = {
    "FT": (61.61, 60.82, 26.05),
    "M1": (74.67, 59.47, 14.33),
    "M2": (80.85, 58.73, 8.90),
    "M3": (82.38, 56.71, 9.38),
    "M4": (64.44, 60.37, 23.67),
    "M5": (70.56, 60.12, 17.80),
    "M6": (72.04, 59.70, 16.75),  # printed 17.75, with a misprinted loss of 14.84 for 13.84
}


@pytest.mark.parametrize(
    ("rows", "source", "target"), [(I_TO_F, INDOOR, FLOWERS), (F_TO_I, FLOWERS, INDOOR)], ids=["I-F", "F-I"]
)
def test_the_joint_losses_of_the_thesis(rows, source, target):
    for name, (source_accuracy, target_accuracy, printed) in rows.items():
        joint = joint_loss(loss(source, source_accuracy), loss(target, target_accuracy))
        assert joint == pytest.approx(printed, abs=0.021), name
    assert min(rows, key=lambda name: rows[name][2]) == "M2"


def test_what_m2_recovers():
    assert recovered_share(loss(FLOWERS, 80.85), loss(FLOWERS, 61.61)) == pytest.approx(0.79, abs=0.005)
    assert recovered_share(loss(INDOOR, 57.08), loss(INDOOR, 45.37)) == pytest.approx(0.68, abs=0.005)
    assert np.isnan(recovered_share(0.1, 0.0))


MATRIX = np.array([[0.8, 0.1, 0.1], [0.6, 0.7, 0.1], [0.7, 0.75, 0.9]])


def test_definitions_by_hand():
    assert average_accuracy(MATRIX) == pytest.approx((0.7 + 0.75 + 0.9) / 3)
    assert backward_transfer(MATRIX) == pytest.approx(((0.7 - 0.8) + (0.75 - 0.7)) / 2)
    assert forgetting(MATRIX) == pytest.approx((0.1 - 0.05) / 2)
    assert forgetting(MATRIX, "largest before less last") == pytest.approx((0.1 - 0.05) / 2)
    assert forgetting(MATRIX, "largest less last") == pytest.approx(0.1 / 2)


shares = st.floats(0, 1)


@given(st.integers(2, 5).flatmap(lambda n: st.lists(st.lists(shares, min_size=n, max_size=n), min_size=n, max_size=n)))
def test_how_the_definitions_relate(rows):
    matrix = np.array(rows)
    first, before, largest = (forgetting(matrix, name) for name in FORGETTING)
    assert first == pytest.approx(-backward_transfer(matrix))
    assert largest >= before - 1e-12
    assert largest >= first - 1e-12
    assert largest >= 0
    if len(matrix) == 2:
        assert first == pytest.approx(before)
