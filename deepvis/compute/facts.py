"""What is known of a unit from a scan and a plan: its patches, its histogram, H, and its learning rate."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.filter_table import FilterTable
from deepvis.model.model import Model
from deepvis.scan.reader import Scan
from entropy.errors import ScanError
from entropy.measuring.binning import BinChoice, Means, Rule, choose_bins
from entropy.measuring.histograms import DEFAULT_BINS, DEFAULT_QUANTILE, Binning
from entropy.measuring.scan_file import means_of
from entropy.measuring.table import Table
from prototxt.pixels.geometry import Box

PATCHES = 9
BINNING = ("bins", "quantile", "width")  # what a plan says of its histograms, by the names of `measure_layer`
_CACHED_UNITS = 512
Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class Patch:
    """One of the pictures that drive a unit most.

    Parameters
    ----------
    pixels : (h, w, 3) uint8 RGB, cut from the original picture.
    value : the maximum of the unit's map on it.
    name : of the picture.
    position : row and column of the maximum in the map; more numbers for maps of more axes.
    """

    pixels: NDArray[np.uint8]
    value: float
    name: str
    position: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Whole:
    """The whole picture of a patch, both of a pair; ``boxes`` are what the unit saw, half-open (y0, x0, y1, x1)."""

    pixels: NDArray[np.uint8]
    boxes: tuple[Box, ...]


@dataclass(frozen=True, eq=False)
class LayerHistogram:
    """S_n of all units of a layer.

    Parameters
    ----------
    low, high : (C,) range of every unit, which the units of the layer share in most measurements.
    counts : (C, bins) images per bin.
    bits : (C,) H of every unit.
    ranks : (C,) 1 for the smallest H of the layer: the unit that a plan sets free first.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    counts: NDArray[np.int64]
    bits: NDArray[np.float64]
    ranks: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class UnitFacts:
    """Everything about one unit; ``multiplier`` is None where there is no plan, or it leaves the layer out."""

    layer: str
    unit: int
    patches: tuple[Patch, ...]
    low: float
    high: float
    counts: NDArray[np.int64]
    bits: float
    rank: int
    units: int
    images: int
    multiplier: float | None


def measure_layer(
    scan: Scan,
    layer: str,
    bins: int | Rule = DEFAULT_BINS,
    quantile: float = DEFAULT_QUANTILE,
    width: float | None = None,
) -> LayerHistogram:
    """Make the histograms of a layer's units; ``bins``, ``quantile`` and ``width`` as in `entropy.measure`."""
    means = means_of(scan.file, [layer])[layer]
    return _fill(means, choose_bins({layer: means}, quantile, "layer", BinChoice(bins, width))[layer])


def measure_as_table(scan: Scan, layer: str, table: Table) -> LayerHistogram:
    """Make the histograms of a layer's units in the bins that ``table`` of `entropy.measure` has for them."""
    rows = table.layer == layer
    binning = Binning.of(int(rows.sum()), table.low[rows], table.high[rows], table.bins[rows])
    return _fill(means_of(scan.file, [layer], table.provenance.after)[layer], binning)


def _fill(means: Means, binning: Binning) -> LayerHistogram:
    found = means.measure(binning)
    return LayerHistogram(binning.low, binning.high, found.counts, found.h, found.rank)


class Facts:
    """Reads a scan for the window; every method may be called from any thread.

    Parameters
    ----------
    scan : an opened scan; it is closed with `close`.
    model : the model that is shown, to tell whether the scan is one of it.
    multipliers : learning-rate multiplier of every filter, by layer.
    layers : those whose filters a plan is for; by default every convolution.
    settings : of the histograms, as in `entropy.measure` (`deepvis.compute.filter_table.SETTINGS`); those of the plan,
        where there is one, so that the window shows the H that the plan was made from.
    """

    def __init__(
        self,
        scan: Scan,
        model: Model,
        multipliers: Mapping[str, NDArray[np.float64]] | None = None,
        layers: Sequence[str] | None = None,
        **settings: Any,
    ) -> None:
        self.scan = scan
        self.stale = scan.stale_reason(model)
        self.multipliers = multipliers or {}
        self.filters = FilterTable(scan.path, layers, **settings)
        self._settings = settings
        self._lock = threading.Lock()
        self._histogram = lru_cache(maxsize=64)(self._measure)
        self._unit = lru_cache(maxsize=_CACHED_UNITS)(self._read_unit)

    @property
    def path(self) -> Path:
        """The scan's file."""
        return self.scan.path

    def follow(self, model: Model) -> None:
        """Tell anew whether the scan is one of the model that is shown, whose preprocessing has changed."""
        with self._lock:
            self.stale = self.scan.stale_reason(model)

    def close(self) -> None:
        """Close the scan."""
        with self._lock:
            self.scan.close()

    def unit(self, layer: str, unit: int) -> UnitFacts:
        """Everything about one unit.

        Raises
        ------
        ScanError : if the scan does not hold the layer, or that many units.
        ImageError : if a picture of the scan cannot be read any more.
        """
        with self._lock:
            self._check(layer, unit)
            return self._unit(layer, unit)

    def histogram(self, layer: str) -> LayerHistogram:
        """S_n and H of all units of a layer; a `ScanError` if the scan does not hold it."""
        with self._lock:
            self._check(layer, 0)
            return self._histogram(layer)

    def whole(self, layer: str, unit: int, rank: int) -> Whole:
        """The whole picture of the ``rank``-th patch of a unit (0 for the strongest), and what the unit saw of it."""
        with self._lock:
            self._check(layer, unit)
            return Whole(*self.scan.whole(layer, unit, rank))

    def read(self, question: Callable[[Scan], Answer]) -> Answer:
        """Ask the scan something, while nobody else reads it; errors are those of the question."""
        with self._lock:
            return question(self.scan)

    def greatest(self, layer: str) -> float | None:
        """The greatest activation of the layer over all scanned pictures; None if the scan leaves the layer out."""
        with self._lock:
            if layer not in self.scan.layers:
                return None
            return float(self.scan.statistics(layer).max.max())

    def _check(self, layer: str, unit: int) -> None:
        layers = self.scan.layers
        if layer not in layers:
            known = ", ".join(layers)
            raise ScanError(f"{self.path.name}: holds nothing of layer {layer}; it was made of {known}")
        if unit >= layers[layer].units:
            raise ScanError(f"{self.path.name}: layer {layer} has {layers[layer].units} units in it; scan this model")

    def _measure(self, layer: str) -> LayerHistogram:
        """In bins of the layer's own, which needs no other layer, unless the table was measured otherwise."""
        own = {name: value for name, value in self._settings.items() if name in BINNING}
        is_usual = self._settings.get("scope", "layer") == "layer" and self._settings.get("after", True)
        if is_usual or layer not in self.filters.table.layers:
            return measure_layer(self.scan, layer, **own)
        return measure_as_table(self.scan, layer, self.filters.table)

    def _read_unit(self, layer: str, unit: int) -> UnitFacts:
        histogram = self._histogram(layer)
        top = self.scan.top(layer, unit)
        paths = self.scan.paths
        patches = tuple(
            Patch(
                self.scan.patch(layer, unit, rank),
                float(top.values[rank]),
                paths[int(top.images[rank])],
                tuple(top.positions[rank].tolist()),
            )
            for rank in range(min(PATCHES, len(top)))
        )
        rates = self.multipliers.get(layer)
        counts = histogram.counts[unit]
        return UnitFacts(
            layer=layer,
            unit=unit,
            patches=patches,
            low=float(histogram.low[unit]),
            high=float(histogram.high[unit]),
            counts=counts,
            bits=float(histogram.bits[unit]),
            rank=int(histogram.ranks[unit]),
            units=len(histogram.bits),
            images=int(counts.sum()),
            multiplier=None if rates is None or unit >= len(rates) else float(rates[unit]),
        )
