"""H of every filter from a scan's means table."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from entropy.bootstrap import DEFAULT_CONFIDENCE, bootstrap_interval
from entropy.errors import ScanError
from entropy.histograms import (
    DEFAULT_BINS,
    DEFAULT_QUANTILE,
    entropy_bits,
    histogram_counts,
    miller_madow_bits,
    value_range,
)
from entropy.scan_file import ScanTables, read_means
from entropy.table import Interval, Provenance, Table

Scope = Literal["layer", "network", "neuron"]
Progress = Callable[[Sequence[str]], Iterable[str]]


class FewImagesWarning(UserWarning):
    """There are too few images for the number of bins: H comes out too small."""


def measure(
    scan: Path | str | ScanTables,
    layers: Sequence[str] | None = None,
    *,
    bins: int = DEFAULT_BINS,
    quantile: float = DEFAULT_QUANTILE,
    scope: Scope = "layer",
    after: bool = True,
    resamples: int = 0,
    confidence: float = DEFAULT_CONFIDENCE,
    seed: int = 0,
    progress: Progress | None = None,
) -> Table:
    """Measure H, the entropy in bits of each filter's mean activation over the images of a scan.

    The histograms of a layer share one range, [0, 99.9 % quantile of its means], because H depends on the width of a
    bin: only filters with the same bins can be compared. What lies above is counted in the last bin.

    Parameters
    ----------
    scan : a ``scan.h5``, or its tables.
    layers : layers to measure; by default every convolution, not the fully connected layers.
    bins : number of bins, at least 2; H is at most log2(bins).
    quantile : upper end of the range, in (0.5, 1].
    scope : whose means make the range: the ``layer``'s, the ``network``'s (all layers measured), or each ``neuron``'s
        own (which makes H independent of how strongly a filter answers: another measure).
    after : the means after the activation, or before it.
    resamples : data sets to resample for a bootstrap confidence interval of each H; 0 for none.
    confidence, seed : of the interval, in (0, 1), and of its random numbers.
    progress : shows progress over layers, such as ``tqdm.tqdm``.

    Returns
    -------
    Table : one row per filter.

    Raises
    ------
    ScanError : the scan cannot be read, a setting is out of range, or a table holds no image or a NaN.

    Warns
    -----
    FewImagesWarning : fewer images than 10 times the bins.

    References
    ----------
    Basarte (2019), section 3.2.
    """
    if bins < 2 or not 0.5 < quantile <= 1:
        raise ScanError(f"bins must be at least 2 and the quantile above 0.5 and at most 1; got {bins} and {quantile}")
    if resamples < 0 or resamples == 1 or not 0 < confidence < 1:
        raise ScanError(
            f"an interval needs at least 2 resamples (0 for none) and a confidence between 0 and 1; got {resamples} "
            f"and {confidence:g}"
        )
    tables = scan if isinstance(scan, ScanTables) else read_means(scan, layers, after)
    means = tables.means if layers is None else {name: tables.means[name] for name in tables.means if name in layers}
    images = _image_count(means, tables.source)
    if images < 10 * bins:
        advice = f"use at most {images // 10} bins" if images >= 20 else "use more images"
        warnings.warn(
            f"{images} images are few for {bins} bins: H comes out too small and depends on the number of images; "
            f"{advice} (10 images per bin), or compare the Miller-Madow column",
            FewImagesWarning,
            stacklevel=2,
        )
    ranges = _ranges(means, quantile, scope)
    interval = Interval(resamples, confidence, seed)
    names = list(means) if progress is None else progress(list(means))
    columns = [_measure_layer(name, means[name], ranges[name], bins, interval) for name in names]
    stacked = {key: np.concatenate([layer[key] for layer in columns]) for key in columns[0]}
    stacked |= {key: np.concatenate([of[name] for name in means]) for key, of in tables.importance.items()}
    shown = {name: (0.0, 0.0) if scope == "neuron" else _scalar(ranges[name]) for name in means}
    provenance = Provenance(
        images,
        bins,
        quantile,
        scope,
        after,
        shown,
        tables.model_hash,
        tables.images_hash,
        tables.preprocessing_hash,
        interval if resamples else None,
    )
    return _with_comparisons(stacked, scope, provenance)


def _image_count(means: dict[str, NDArray[np.float32]], source: str) -> int:
    where = source or "the scan"
    counts = {len(table) for table in means.values()}
    if len(counts) != 1 or counts == {0}:
        raise ScanError(f"{where}: the tables hold {sorted(counts) or 'no'} images; all must hold the same, at least 1")
    for name, table in means.items():
        if not np.isfinite(table).all():
            unit = int(np.flatnonzero(~np.isfinite(table).all(axis=0))[0])
            raise ScanError(f"{where}: layer {name!r}, unit {unit} has a mean that is not finite; scan again")
    return counts.pop()


def _ranges(means: dict[str, NDArray[np.float32]], quantile: float, scope: Scope) -> dict[str, Any]:
    if scope == "network":
        pooled = np.concatenate([table.ravel() for table in means.values()])
        return dict.fromkeys(means, value_range(pooled[:, None], quantile))
    if scope == "layer":
        return {name: value_range(table, quantile) for name, table in means.items()}
    return {
        name: np.array([value_range(column[:, None], quantile) for column in table.T]).T
        for name, table in means.items()
    }


def _scalar(bounds: Any) -> tuple[float, float]:
    low, high = bounds
    return float(low), float(high)


def _measure_layer(
    name: str, means: NDArray[np.float32], bounds: Any, bins: int, interval: Interval
) -> dict[str, NDArray[Any]]:
    low, high = bounds
    counts = histogram_counts(means, low, high, bins)
    units = means.shape[1]
    zeros = (means == 0).mean(axis=0)
    bounds_of_h = {}
    if interval.resamples:
        low_h, high_h = bootstrap_interval(counts, interval.resamples, interval.confidence, interval.seed)
        bounds_of_h = {"h_low": low_h, "h_high": high_h}
    return {
        "layer": np.array([name] * units),
        "index": np.arange(units),
        "h": entropy_bits(counts),
        "h_miller_madow": miller_madow_bits(counts),
        "mean": means.mean(axis=0, dtype=np.float64),
        "std": means.std(axis=0, dtype=np.float64),
        "zeros": zeros,
        "dead": zeros == 1,
        **bounds_of_h,
    }


def _with_comparisons(columns: dict[str, NDArray[Any]], scope: Scope, provenance: Provenance) -> Table:
    h, layer = columns["h"], columns["layer"]
    hmax = largest_h(layer, h, "network" if scope == "network" else "layer")
    number = np.array([list(provenance.ranges).index(name) for name in layer])
    order = np.lexsort((columns["index"], number, columns["mean"], columns["std"], h))
    rank = np.empty(len(h), np.int64)
    rank[order] = np.arange(1, len(h) + 1)
    ties = np.empty(len(h), np.int64)
    for name in provenance.ranges:
        rows = layer == name
        _, inverse, counts = np.unique(h[rows], return_inverse=True, return_counts=True)
        ties[rows] = counts[inverse] - 1
    relative = np.divide(h, hmax, out=np.zeros_like(h), where=hmax > 0)
    return Table(**columns, h_relative=relative, rank=rank, ties=ties, provenance=provenance)


def largest_h(
    layer: NDArray[np.str_], h: NDArray[np.float64], scope: Literal["layer", "network"]
) -> NDArray[np.float64]:
    """Hmax for every filter: the largest H of its layer, or of all filters.

    Parameters
    ----------
    layer, h : (M,) layer name and H of each filter.

    Returns
    -------
    (M,) in bits.
    """
    if scope == "network":
        return np.full(len(h), h.max())
    hmax = np.empty(len(h))
    for name in np.unique(layer):
        hmax[layer == name] = h[layer == name].max()
    return hmax
