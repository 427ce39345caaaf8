"""Which bins the histograms of filters get: a number of them, a width, or a rule of NumPy's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from entropy.errors import ScanError
from entropy.measuring.histograms import DEFAULT_BINS, MOST_BINS, Binning
from entropy.measuring.table_means import Measured, TableMeans

Rule = Literal["auto", "doane", "fd", "rice", "scott", "sqrt", "sturges"]
RULES: tuple[Rule, ...] = get_args(Rule)
Scope = Literal["layer", "network", "neuron"]
Array = NDArray[np.float64]


class Means(Protocol):
    """The mean activations of the C units of a layer over N images: `TableMeans`, or `StreamedMeans`."""

    @property
    def images(self) -> int:
        """N."""

    @property
    def units(self) -> int:
        """C."""

    def unit_ranges(self, quantile: float) -> tuple[Array, Array]:
        """(C,) low and high end of the range of every unit alone."""

    def measure(self, binning: Binning) -> Measured:
        """Histograms over some bins, and moments."""

    def values(self) -> NDArray[np.floating]:
        """(N, C); a `ScanError` where only histograms were kept."""


@dataclass(frozen=True)
class BinChoice:
    """How many bins there are between the ends of a range.

    Parameters
    ----------
    bins : their number, at least 2, or one of `RULES`, which `numpy.histogram_bin_edges` explains: what the rule makes
        of all means that share the range.
    width : of a bin, in place of ``bins``; edges are multiples of it, and the range grows to them.

    Raises
    ------
    ScanError : for anything else.
    """

    bins: int | Rule = DEFAULT_BINS
    width: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.bins, str) and self.bins not in RULES:
            raise ScanError(f"there is no rule {self.bins!r} for bins; give a number, or one of {', '.join(RULES)}")
        if not isinstance(self.bins, str) and not 2 <= self.bins <= MOST_BINS:
            raise ScanError(f"bins must be at least 2 and at most {MOST_BINS}; got {self.bins}")
        if self.width is not None and not (np.isfinite(self.width) and self.width > 0):
            raise ScanError(f"the width of a bin must be greater than 0; got {self.width:g}")

    def between(self, low: float, high: float, values: Callable[[], NDArray[np.floating]]) -> tuple[float, float, int]:
        """Give the ends of a range and the number of its bins.

        Parameters
        ----------
        values : gives all means that share the range.
        """
        number: float
        if self.width is not None:
            first = np.floor(low / self.width + 1e-9)
            number = max(np.ceil(high / self.width - 1e-9) - first, 1)
            low, high = first * self.width, (first + number) * self.width
        elif not isinstance(self.bins, str):
            number = self.bins
        else:
            number = len(np.histogram_bin_edges(values(), self.bins, (low, high))) - 1 if high > low else 1
        if number > MOST_BINS:
            raise ScanError(
                f"{self} gives {number:.0f} bins between {low:g} and {high:g}; at most {MOST_BINS} can be had"
            )
        return float(low), float(high), int(number)

    def __str__(self) -> str:
        if self.width is not None:
            return f"a width of {self.width:g}"
        return f"the rule {self.bins}" if isinstance(self.bins, str) else f"{self.bins} bins"


def choose_bins(layers: Mapping[str, Means], quantile: float, scope: Scope, choice: BinChoice) -> dict[str, Binning]:
    """Give every layer its bins.

    Parameters
    ----------
    layers : all of one kind.
    quantile, scope : upper end of the range and whose means make it, see `entropy.measure`.

    Raises
    ------
    ScanError : a rule, but only histograms were kept; or too many bins.
    """
    if scope == "neuron":
        return {name: _own_bins(means, quantile, choice) for name, means in layers.items()}
    groups = [list(layers)] if scope == "network" else [[name] for name in layers]
    found: dict[str, Binning] = {}
    for names in groups:
        members = [layers[name] for name in names]
        low, high = _shared_range(members, quantile)
        bins = choice.between(low, high, lambda members=members: _pooled(members))  # type: ignore[misc]
        found |= {name: Binning.of(layers[name].units, *bins) for name in names}
    return found


def _own_bins(means: Means, quantile: float, choice: BinChoice) -> Binning:
    lows, highs = means.unit_ranges(quantile)
    values = means.values() if isinstance(choice.bins, str) and choice.width is None else None
    ends: list[Any] = []
    for unit, (low, high) in enumerate(zip(lows.tolist(), highs.tolist(), strict=True)):
        ends.append(choice.between(low, high, lambda unit=unit: values[:, unit]))  # type: ignore[misc, index]
    return Binning.of(means.units, *zip(*ends, strict=True))


def _shared_range(layers: list[Any], quantile: float) -> tuple[float, float]:
    return type(layers[0]).shared_range(layers, quantile)


def _pooled(layers: list[Means]) -> NDArray[np.floating]:
    return np.concatenate([layer.values().ravel() for layer in layers])


def as_means(table: NDArray[np.floating] | Means, title: str) -> Means:
    """Give a table in memory, (N, C), as what can be measured."""
    return TableMeans.of_array(table, title) if isinstance(table, np.ndarray) else table
