"""The thesis's six transfer functions: from H to a learning-rate multiplier in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entropy.errors import PlanError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Transfer:
    """One way from H to a multiplier.

    Parameters
    ----------
    formula : as shown to people.
    function : (h, reference) to multipliers, (M,) each; ``reference`` is the threshold of a hard function (a scalar)
        and the Hmax of every filter (M,) of a soft one.
    hard : whether it is a threshold function (free or frozen, nothing between).
    default_share : share of free filters, in [0, 1], for which a hard function's threshold is solved by default.
    """

    formula: str
    function: Callable[[Array, Array], Array]
    hard: bool
    default_share: float | None = None


def free_below(h: Array, threshold: Array) -> Array:
    """Give 1 where H is below the threshold and 0 elsewhere; H equal to the threshold is frozen."""
    return (h < threshold).astype(np.float64)


def _ratio(h: Array, hmax: Array) -> Array:
    return np.divide(h, hmax, out=np.zeros_like(h), where=hmax > 0)


def one_minus_square(h: Array, hmax: Array) -> Array:
    """Give 1 - (H / Hmax)^2; 1 where Hmax is 0."""
    return 1 - _ratio(h, hmax) ** 2


def one_minus(h: Array, hmax: Array) -> Array:
    """Give 1 - H / Hmax; 1 where Hmax is 0."""
    return 1 - _ratio(h, hmax)


def exponential(h: Array, hmax: Array) -> Array:
    """exp(-2 H / Hmax); never below 0.135, so it freezes nothing; 1 where Hmax is 0."""
    return np.exp(-2 * _ratio(h, hmax))


TRANSFER: dict[int, Transfer] = {
    1: Transfer("1 if H < th else 0", free_below, True, 0.40),
    2: Transfer("1 if H < th else 0", free_below, True, 0.15),
    3: Transfer("1 if H < th else 0", free_below, True, 0.085),
    4: Transfer("1 - (H / Hmax)^2", one_minus_square, False),
    5: Transfer("1 - H / Hmax", one_minus, False),
    6: Transfer("exp(-2 H / Hmax)", exponential, False),
}


def solve_threshold(h: Array, share: float) -> float:
    """Find the threshold below which the share of filters comes closest to the one wanted.

    Filters with equal H cannot be told apart, so the share is not always met exactly; of two counts that are equally
    close the smaller is taken (stability first). The threshold lies half way between two neighbouring values of H.

    Parameters
    ----------
    h : (M,) H of all filters of the net, M >= 1.
    share : wanted share of free filters, in [0, 1].

    Returns
    -------
    The threshold, in bits; ``(h < threshold).mean()`` is the share reached.

    Raises
    ------
    PlanError : a share outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise PlanError(f"the share of free filters must lie between 0 and 1; got {share:g}")
    values, counts = np.unique(h, return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)])
    best = int(np.argmin(np.abs(below - share * len(h))))
    if best == 0:
        return float(values[0])
    if best == len(values):
        return float(np.nextafter(values[-1], np.inf))
    middle = (values[best - 1] + values[best]) / 2
    return float(middle if values[best - 1] < middle else values[best])
