"""What a split is: which layer became which parts, and which filters each part holds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

# A learning-rate multiplier for each filter of a layer.
Rates = Sequence[float] | np.ndarray
# How a blob holds its filters: along the first axis; along the second (InnerProduct with transpose); along the second
# within each group (Deconvolution); or not at all, so that every part keeps the whole blob (BatchNorm's factor).
Layout = Literal["rows", "transposed", "deconvolution", "whole"]


@dataclass(frozen=True)
class Part:
    """One of the layers that a layer was split into.

    Parameters
    ----------
    name : its layer name.
    lr_mult : the multiplier of all its filters.
    filters : which filters of the unsplit layer it holds, ascending.
    """

    name: str
    lr_mult: float
    filters: tuple[int, ...]


@dataclass(frozen=True)
class SplitLayer:
    """A layer that was split: one with filters, or a BatchNorm, Scale, Bias or PReLU that follows its filters.

    Parameters
    ----------
    layer, type : name and type of the unsplit layer.
    layouts : how each of its blobs holds the filters.
    groups : number of groups of a convolution, else 1.
    parts : the layers in its place; together they hold every filter once.
    """

    layer: str
    type: str
    layouts: tuple[Layout, ...]
    groups: int
    parts: tuple[Part, ...]

    @property
    def units(self) -> int:
        """Number of filters of the unsplit layer."""
        return sum(len(part.filters) for part in self.parts)

    def part_groups(self, part: Part) -> int:
        """Number of groups of one part."""
        return len(groups_of(part.filters, self.units, self.groups))


def groups_of(filters: Sequence[int], units: int, groups: int) -> tuple[int, ...]:
    """Which groups of a convolution the filters lie in, ascending."""
    return tuple(sorted({filter * groups // units for filter in filters}))


class Run(NamedTuple):
    """Consecutive filters of a layer that lie in one part: ``part`` is its number, ``size`` how many they are."""

    part: int
    size: int


def runs(parts: Sequence[Sequence[int]]) -> list[Run]:
    """Cut the original order of the filters into the fewest runs that lie in one part each.

    Parameters
    ----------
    parts : the filters of each part, ascending; together 0 ... units - 1.
    """
    owner = np.empty(sum(map(len, parts)), np.intp)
    for number, filters in enumerate(parts):
        owner[list(filters)] = number
    starts = [0, *(np.flatnonzero(np.diff(owner)) + 1).tolist(), len(owner)]
    return [Run(int(owner[start]), end - start) for start, end in itertools.pairwise(starts)]


def parts_by_rate(layer: str, rates: Rates, groups: int = 1) -> tuple[Part, ...]:
    """Sort the filters of a layer into parts of one rate each, slowest first.

    With groups, a part must have equally many filters in each of its groups, so that it is a grouped convolution
    again: per rate there is one part for every number of filters that some group has at that rate.

    Parameters
    ----------
    layer : the name that the parts' names start with.
    rates : multiplier of each filter; ``groups`` divides their number.
    """
    values = np.asarray(rates, np.float64)
    found: list[tuple[float, tuple[int, ...]]] = []
    for rate in np.unique(values):
        filters = np.flatnonzero(values == rate)
        group_of = filters * groups // len(values)
        group, counts = np.unique(group_of, return_counts=True)
        same_size = (filters[np.isin(group_of, group[counts == size])] for size in np.unique(counts))
        found += sorted((float(rate), tuple(chosen.tolist())) for chosen in same_size)
    return tuple(Part(f"{layer}__g{number}_lr{rate:g}", rate, filters) for number, (rate, filters) in enumerate(found))
