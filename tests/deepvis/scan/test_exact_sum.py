"""Exact sums against Python's fractions."""

from __future__ import annotations

from fractions import Fraction
from math import fsum, sqrt

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepvis.scan import exact_sum
from deepvis.scan.exact_sum import ExactSums, mean_and_variance, whole_numbers

CPU = torch.device("cpu")
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
UNIT = Fraction(2) ** (exact_sum.LIMB_BITS * exact_sum.LOWEST)


def summed(values: np.ndarray, sizes: int) -> np.ndarray:
    sums = ExactSums.zeros(values.shape[1], CPU)
    for part in torch.from_numpy(values).split(sizes):
        sums.add(part.clone())
    sums.carry()
    return sums.limbs.numpy()


@settings(deadline=None)
@given(values=st.lists(FLOATS, min_size=1, max_size=30), size=st.integers(1, 30), data=st.data())
def test_nothing_is_lost_in_any_order(values: list[float], size: int, data: st.DataObject) -> None:
    other = data.draw(st.permutations(values))
    column = np.array(values, np.float64)[:, None]
    limbs = summed(column, size)
    assert whole_numbers(limbs)[0] * UNIT == sum(map(Fraction, values))
    np.testing.assert_array_equal(summed(np.array(other, np.float64)[:, None], 7), limbs)
    squares = summed(column**2, size)
    assert whole_numbers(squares)[0] * UNIT == sum(Fraction(value) ** 2 for value in values)
    mean, variance = mean_and_variance(limbs, squares, np.array([len(values)]))
    assert mean[0] == float(sum(map(Fraction, values)) / len(values))
    exact = sum((Fraction(value) - Fraction(fsum(values)) / len(values)) ** 2 for value in values) / len(values)
    assert np.isclose(sqrt(variance[0]), sqrt(exact), rtol=1e-12, atol=0) or variance[0] < exact * 2 + 1e-300


def test_carries_keep_up() -> None:
    sums = ExactSums.zeros(3, CPU)
    value = -(2.0**39) - 0.25
    for _ in range(2 * exact_sum.UPDATES + 3):
        sums.add(torch.full((exact_sum.ROWS, 3), value, dtype=torch.float64))
    count = (2 * exact_sum.UPDATES + 3) * exact_sum.ROWS
    sums.carry()
    assert whole_numbers(sums.limbs.numpy())[1] * UNIT == Fraction(value) * count
    assert (sums.limbs[:-1] >= 0).all()
    assert (sums.limbs[:-1] < 2**exact_sum.LIMB_BITS).all()


def test_many_units_at_once() -> None:
    values = np.random.default_rng(0).normal(size=(9, 2 * exact_sum.COLUMNS + 5))
    limbs = summed(values, 4)
    found = mean_and_variance(limbs, limbs, np.full(values.shape[1], 1))[0]
    np.testing.assert_array_equal(found, [fsum(column) for column in values.T])
