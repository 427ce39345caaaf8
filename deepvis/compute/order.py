"""Which units of a layer the grid shows, and in which order: pure functions of numbers that each unit has."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepvis.errors import SettingsError
from prototxt.common.names import did_you_mean

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

NUMBERS: dict[str, str] = {
    "activation": "greatest value on this picture",
    "mean": "mean on this picture",
    "scan mean": "mean over the scanned pictures",
    "H": "entropy in bits",
    "rate": "learning-rate multiplier of the plan",
    "dead share": "share of the scanned pictures on which the unit is silent",
    "selectivity": "class selectivity",
    "class": "number of the class that drives the unit most",
}
"""What units can be sorted and filtered by."""
GREATEST_FIRST = frozenset({"activation", "mean", "scan mean", "rate", "dead share", "selectivity"})
"""What is sorted from the greatest on; the rest, such as H, from the least on: those that a plan frees first."""
WORDS: dict[str, str] = {"dead": "dead share = 1", "free": "rate > 0", "frozen": "rate = 0"}
"""Words of a filter, and what they stand for."""
_COMPARE: dict[str, Callable[[Array, float], Mask]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_CONDITION = re.compile(r"\s*(?P<name>[A-Za-z ]+?)\s*(?P<compare><=|>=|<|>|=)\s*(?P<value>.+?)\s*")
_HELP = "write conditions such as: H < 2, dead share >= 0.5, free, class = kitchen"


@dataclass(frozen=True)
class Condition:
    """One part of a filter: ``name compare value``; the value of a class may be its name."""

    name: str
    compare: str
    value: str


def class_selectivity(means: NDArray[np.floating]) -> Array:
    """How much more a unit answers to one class than to the others: (largest - rest) / (largest + rest).

    Parameters
    ----------
    means : (classes, C) mean activation over the pictures of each class; NaN for a class without pictures.

    Returns
    -------
    (C,) in [0, 1] where no mean is negative: 1 for a unit that answers to one class alone; 0 for a silent one.

    References
    ----------
    Morcos et al. (2018), "On the importance of single directions for generalization", section 2.
    """
    known = means[np.isfinite(means).all(1)].astype(np.float64)
    if len(known) < 2:
        return np.zeros(means.shape[1])
    largest = known.max(0)
    rest = (known.sum(0) - largest) / (len(known) - 1)
    total = largest + rest
    return np.divide(largest - rest, total, out=np.zeros_like(total), where=total != 0)


def parse_filter(text: str) -> tuple[Condition, ...]:
    """Read a filter: conditions after each other, with commas or ``and`` between them; empty for none.

    Raises
    ------
    SettingsError : for a name that is not in `NUMBERS` or `WORDS`, or no comparison.
    """
    parts = [part.strip() for part in re.split(r",|\band\b", text) if part.strip()]
    return tuple(_condition(WORDS.get(part.lower(), part)) for part in parts)


def _condition(part: str) -> Condition:
    found = _CONDITION.fullmatch(part)
    names = {name.lower(): name for name in NUMBERS}
    name = found["name"].lower() if found else part.lower()
    if found is None or name not in names:
        hint = _HELP if name in names else did_you_mean(name, [*names, *WORDS], _HELP)
        raise SettingsError(f"filter of units: {part!r} is no condition; {hint}")
    return Condition(names[name], found["compare"], found["value"])


def needed(sort: str, conditions: Sequence[Condition]) -> set[str]:
    """Names of `NUMBERS` that an order needs; ``sort`` is one of them or ``unit``."""
    return {condition.name for condition in conditions} | ({sort} if sort != "unit" else set())


def passes(conditions: Sequence[Condition], values: Mapping[str, Array], classes: Sequence[str] = ()) -> Mask:
    """Which units meet all conditions.

    Parameters
    ----------
    conditions : at least one.
    values : by the names of `NUMBERS`, (C,) each; NaN meets no condition.
    classes : names of the classes.
    """
    masks = [
        _COMPARE[condition.compare](values[condition.name], _number(condition, classes)) for condition in conditions
    ]
    return np.logical_and.reduce(masks)


def _number(condition: Condition, classes: Sequence[str]) -> float:
    try:
        return float(condition.value)
    except ValueError:
        if condition.name == "class" and condition.value in classes:
            return float(classes.index(condition.value))
    hint = did_you_mean(condition.value, classes if condition.name == "class" else (), _HELP)
    raise SettingsError(f"filter of units: {condition.value!r} is no value of {condition.name}; {hint}")


def order_units(units: int, scores: Array | None, descending: bool, keep: Mask | None = None) -> tuple[int, ...]:
    """Numbers of the units that are kept, sorted by score; equal ones by their numbers, NaN last.

    Parameters
    ----------
    units : C.
    scores : (C,); None for the units' own order.
    descending : whether the greatest comes first.
    keep : (C,); None for all.
    """
    own = np.arange(units)
    if scores is None:
        order = own[::-1] if descending else own
    else:
        order = np.lexsort((own, np.where(np.isnan(scores), np.inf, -scores if descending else scores)))
    return tuple((order if keep is None else order[keep[order]]).tolist())
