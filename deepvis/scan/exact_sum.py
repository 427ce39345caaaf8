"""Sums without rounding: the same bits in whatever order, batches or shares the values come."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

# A sum is Σ limb[i] · 2^(LIMB_BITS · (i + LOWEST)). That reaches from 2^-320 to 2^400: every bit of a sum over a map of
# float32 values (down to 2^-149) and of their squares (down to 2^-298).
LIMB_BITS = 40
LOWEST = -8
LIMBS = 18

ROWS = 4096  # so that a float64 holds the sum of as many limbs exactly: 2^12 · 2^40 < 2^53
COLUMNS = 2048  # with 32 rows that is half a megabyte, which stays in the cache
UPDATES = 256  # until carries must be handed on, so that 2^8 · 2^52 does not overflow an int64


class ExactSums:
    """The exact sums of finite float64 values of C units.

    Attributes
    ----------
    limbs : (LIMBS, C) int64, see `LIMB_BITS`; each but the last in [0, 2^40) after `carry`.
    """

    def __init__(self, limbs: Tensor) -> None:
        self.limbs = limbs
        self._updates = 0

    @classmethod
    def zeros(cls, units: int, device: torch.device) -> ExactSums:
        """Sums of nothing."""
        return cls(torch.zeros(LIMBS, units, dtype=torch.int64, device=device))

    def add(self, values: Tensor) -> None:
        """Add (B, C) float64 values over B; they are used up (left zero)."""
        wide = COLUMNS if values.device.type == "cpu" else values.shape[1]
        for rows in values.split(ROWS):
            for column in range(0, values.shape[1], wide):
                part = slice(column, column + wide)
                _take(rows[:, part].contiguous(), self.limbs[:, part])
            self._updates += 1
            if self._updates % UPDATES == 0:
                self.carry()

    def carry(self) -> None:
        """Bring the limbs into their one form, in which equal sums have equal limbs."""
        for lower, upper in zip(self.limbs[:-1], self.limbs[1:], strict=True):
            carried = lower >> LIMB_BITS
            lower -= carried << LIMB_BITS
            upper += carried


def _take(rest: Tensor, limbs: Tensor) -> None:
    """Take the values apart, limb by limb from the greatest, every step exact.

    Adding 1.5 · 2^(52 + exponent) rounds a float64 to the nearest multiple of 2^exponent, which is what is taken; the
    rest may be negative.
    """
    greatest = _greatest(rest)
    if greatest == 0:
        return
    taken = torch.empty_like(rest)
    for place in range(int(np.frexp(greatest)[1] - 1) // LIMB_BITS - LOWEST, -1, -1):
        exponent = LIMB_BITS * (place + LOWEST)
        rounding = 1.5 * 2.0 ** (52 + exponent)
        torch.add(rest, rounding, out=taken).sub_(rounding)
        limbs[place] += taken.sum(0).mul_(2.0**-exponent).to(torch.int64)
        if _greatest(rest.sub_(taken)) == 0:
            return


def _greatest(values: Tensor) -> float:
    """Give the greatest amount; one pass, unlike abs and amax."""
    low, high = values.aminmax()
    return max(-low.item(), high.item())


def whole_numbers(limbs: np.ndarray) -> np.ndarray:
    """Give sums as (C,) Python integers, in units of 2^(LIMB_BITS · LOWEST).

    Parameters
    ----------
    limbs : (LIMBS, C) int64.
    """
    total = np.zeros(limbs.shape[1], object)
    for limb in limbs[::-1]:
        total = total * 2**LIMB_BITS + limb.astype(object)
    return total


def mean_and_variance(sums: np.ndarray, squares: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the (C,) float64 mean and variance (of the population), each rounded once.

    Parameters
    ----------
    sums, squares : limbs (LIMBS, C) of the values' and of their squares' sums.
    counts : (C,) integers, the number of values, at least 1.
    """
    one = 2 ** (-LIMB_BITS * LOWEST)
    number = counts.astype(object)
    total, square = whole_numbers(sums), whole_numbers(squares)
    mean = total / (number * one)
    variance = (number * square * one - total * total) / (number * number * one * one)
    return mean.astype(np.float64), np.maximum(variance.astype(np.float64), 0)
