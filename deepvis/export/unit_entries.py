"""What the atlas says of a layer and of each of its units."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.facts import measure_layer
from deepvis.engines.hits import Hit
from deepvis.export.job import Job
from deepvis.scan.reader import Scan

TOP_CLASSES = 5
BARS, HEIGHT = 64, 24  # of a unit's histogram
UNITS_AT_ONCE = 256


@dataclass(frozen=True)
class UnitEntry:
    """One unit.

    Parameters
    ----------
    unit : its number.
    h, rank : entropy in bits, and the how-manieth of the layer it is, from the smallest.
    mean, max : activation over all images and positions.
    zeros : share of exact zeros; 1 for a unit that is silent on these images.
    rate : learning-rate multiplier; None where there is no plan.
    bars : path of its histogram, for an SVG of `BARS` x `HEIGHT`.
    classes : (name, mean activation) of the classes that drive it most; empty where none are known.
    images : (value, name, class) of its patches, strongest first.
    """

    unit: int
    h: float
    rank: int
    mean: float
    max: float
    zeros: float
    rate: float | None
    bars: str
    classes: tuple[tuple[str, float], ...]
    images: tuple[tuple[float, str, str], ...]


def unit_entries(job: Job, layer: str, hits: list[Hit]) -> tuple[list[UnitEntry], tuple[float, float]]:
    """Collect what is known of every unit of a layer, and the range that its histograms share."""
    scan, rates = job.scan, job.multipliers.get(layer)
    histogram = measure_layer(scan, layer, job.bins, job.quantile, job.width)
    statistics = scan.statistics(layer)
    classes = top_classes(scan, layer)
    of_unit = {
        unit: list(mine) for unit, mine in groupby((hit for hit in hits if not hit.least), key=lambda hit: hit.unit)
    }
    entries = [
        UnitEntry(
            unit=unit,
            h=float(histogram.bits[unit]),
            rank=int(histogram.ranks[unit]),
            mean=float(statistics.mean[unit]),
            max=float(statistics.max[unit]),
            zeros=float(statistics.zeros[unit]),
            rate=None if rates is None or unit >= len(rates) else float(rates[unit]),
            bars=bars(histogram.counts[unit]),
            classes=tuple((class_name(scan, label), value) for label, value in classes[unit]),
            images=tuple(_image(scan, hit) for hit in of_unit.get(unit, ())),
        )
        for unit in range(scan.layers[layer].units)
    ]
    return entries, (float(histogram.low[0]), float(histogram.high[0]))


def top_classes(scan: Scan, layer: str, count: int = TOP_CLASSES) -> list[list[tuple[int, float]]]:
    """Give for every unit the classes with the greatest mean activation, strongest first.

    Parameters
    ----------
    count : classes at most.

    Returns
    -------
    For each unit (class, mean over the images of the class of the unit's mean activation); empty lists where no image
    has a class, or the scan kept no means. Of equal means the class with the smaller number comes first.
    """
    usable = scan.was_read & (scan.labels >= 0)
    units = scan.layers[layer].units
    if not usable.any() or not scan.keeps_means:
        return [[] for _ in range(units)]
    order = np.argsort(scan.labels[usable], kind="stable")
    labels, starts, sizes = np.unique(scan.labels[usable][order], return_index=True, return_counts=True)
    means = scan.means(layer)[usable]
    found: list[list[tuple[int, float]]] = []
    for first in range(0, units, UNITS_AT_ONCE):
        part = means[:, first : first + UNITS_AT_ONCE][order].astype(np.float64)
        of_class = np.add.reduceat(part, starts) / sizes[:, None]
        best = np.argsort(-of_class, axis=0, kind="stable")[:count]
        found += [
            [(int(labels[row]), float(of_class[row, column])) for row in best[:, column]]
            for column in range(part.shape[1])
        ]
    return found


def class_name(scan: Scan, label: int) -> str:
    """Name of a class, or its number where names are not known; empty for no class."""
    if label < 0:
        return ""
    return scan.classes[label] if label < len(scan.classes) else f"class {label}"


def bars(counts: NDArray[np.int64]) -> str:
    """Draw a histogram as one SVG path, `BARS` wide and up to `HEIGHT` high; height by the logarithm of the count.

    Neighbouring bins share a bar where there are more than `BARS` of them.
    """
    pooled = np.array([part.sum() for part in np.array_split(counts, min(BARS, len(counts)))])
    width = BARS / len(pooled)
    heights = np.rint(HEIGHT * np.log1p(pooled) / np.log1p(max(int(pooled.max()), 1))).astype(int)
    return "".join(
        f"M{place * width:g} {HEIGHT}v{-height}h{width:g}v{height}" for place, height in enumerate(heights) if height
    )


def _image(scan: Scan, hit: Hit) -> tuple[float, str, str]:
    return hit.value, scan.paths[hit.image], class_name(scan, int(scan.labels[hit.image]))
