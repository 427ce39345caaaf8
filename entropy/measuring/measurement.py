"""H of every filter, from the means of a scan."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from entropy.errors import ScanError
from entropy.measuring.binning import BinChoice, Means, Rule, Scope, as_means, choose_bins
from entropy.measuring.bootstrap import DEFAULT_CONFIDENCE, bootstrap_interval
from entropy.measuring.histograms import DEFAULT_BINS, DEFAULT_QUANTILE, Binning, miller_madow_bits, rank_by_h
from entropy.measuring.scan_file import Kept, ScanTables, read_means
from entropy.measuring.scan_layout import HASHES
from entropy.measuring.table import Interval, Provenance, Table
from prototxt.common.progress import Progress, at_once

WHAT = "measuring: layers"
_CALLER_OF_MEASURE = 4  # frames above the warning: `with_bar`, `at_once`, and who called


class FewImagesWarning(UserWarning):
    """There are too few images for the number of bins: H comes out too small."""


def measuring(
    scan: Path | str | ScanTables,
    layers: Sequence[str] | None = None,
    *,
    bins: int | Rule = DEFAULT_BINS,
    width: float | None = None,
    quantile: float = DEFAULT_QUANTILE,
    scope: Scope = "layer",
    after: bool = True,
    kept: Kept = "auto",
    resamples: int = 0,
    confidence: float = DEFAULT_CONFIDENCE,
    seed: int = 0,
    warn: bool = True,
) -> Generator[Progress, None, Table]:
    """Measure H, the entropy in bits of each filter's mean activation over the images of a scan.

    The histograms of a layer share one range, [0, 99.9 % quantile of its means], because H depends on the width of a
    bin: only filters with the same bins can be compared. What lies above is counted in the last bin.

    Parameters
    ----------
    scan : a ``scan.h5``, or its tables.
    layers : layers to measure; by default every convolution, not the fully connected layers.
    bins : number of bins, at least 2; H is at most log2(bins). Or a rule of `numpy.histogram_bin_edges` ("auto", "fd",
        "scott", ...), applied to all means that share a range.
    width : of a bin, in place of their number.
    quantile : upper end of the range, in (0.5, 1].
    scope : whose means make the range: the ``layer``'s, the ``network``'s (all layers measured), or each ``neuron``'s
        own (which makes H independent of how strongly a filter answers: another measure).
    after : the means after the activation, or before it.
    kept : measure the ``table`` of means, the ``histograms`` that a scan kept of them
        (`entropy.measuring.streamed_means` says how near they come), or (auto) the table where it is there.
    resamples : data sets to resample for a bootstrap confidence interval of each H; 0 for none.
    confidence, seed : of the interval, in (0, 1), and of its random numbers.
    warn : whether to warn of few images; False where `few_images` is asked afterwards.

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
    choice, interval = BinChoice(bins, width), Interval(resamples, confidence, seed)
    _check_settings(quantile, scope, interval)
    tables = scan if isinstance(scan, ScanTables) else read_means(scan, layers, after, kept)
    means = _chosen(tables, layers)
    images = _image_count(means, tables.title)
    binnings = choose_bins(means, quantile, scope, choice)
    advice = few_images(images, max(binning.most for binning in binnings.values()))
    if warn and advice:
        warnings.warn(advice, FewImagesWarning, stacklevel=_CALLER_OF_MEASURE)
    measured = []
    for number, name in enumerate(means):
        yield Progress(number, len(means), WHAT)
        measured.append(_measure_layer(name, means[name], binnings[name], interval))
    yield Progress(len(means), len(means), WHAT)
    provenance = Provenance(
        images=images,
        bins=bins,
        quantile=quantile,
        scope=scope,
        after=after,
        ranges={name: (0.0, 0.0) if scope == "neuron" else _ends(binnings[name]) for name in means},
        interval=interval if resamples else None,
        width=width,
        **{name: getattr(tables, name) for name in HASHES},
    )
    return _with_comparisons(_stacked(measured, tables, list(means)), scope, provenance)


measure = at_once(measuring)
"""`measuring` at once: ``measure(scan)`` gives the table."""


def _check_settings(quantile: float, scope: str, interval: Interval) -> None:
    if not 0.5 < quantile <= 1:
        raise ScanError(f"the quantile must lie above 0.5 and be at most 1; got {quantile}")
    if scope not in ("layer", "network", "neuron"):
        raise ScanError(f"the scope must be layer, network or neuron; got {scope!r}")
    if interval.resamples < 0 or interval.resamples == 1 or not 0 < interval.confidence < 1:
        raise ScanError(
            f"an interval needs at least 2 resamples (0 for none) and a confidence between 0 and 1; got "
            f"{interval.resamples} and {interval.confidence:g}"
        )


def _chosen(tables: ScanTables, layers: Sequence[str] | None) -> dict[str, Means]:
    return {
        name: as_means(table, f"{tables.title}: layer {name!r}")
        for name, table in tables.means.items()
        if layers is None or name in layers
    }


def _image_count(means: Mapping[str, Means], where: str) -> int:
    counts = {each.images for each in means.values()}
    if len(counts) != 1 or counts == {0}:
        raise ScanError(f"{where}: the tables hold {sorted(counts) or 'no'} images; all must hold the same, at least 1")
    return counts.pop()


def few_images(images: int, bins: int) -> str:
    """Say that H comes out too small where there are fewer images than 10 times the bins; empty where there are not."""
    if images >= 10 * bins:
        return ""
    advice = f"use at most {images // 10} bins" if images >= 20 else "use more images"
    return (
        f"{images} images are few for {bins} bins: H comes out too small and depends on the number of images; "
        f"{advice} (10 images per bin), or compare the Miller-Madow column"
    )


def _ends(binning: Binning) -> tuple[float, float]:
    return float(binning.low[0]), float(binning.high[0])


def _measure_layer(name: str, means: Means, binning: Binning, interval: Interval) -> dict[str, NDArray[Any]]:
    found = means.measure(binning)
    ends = {}
    if interval.resamples:
        low, high = bootstrap_interval(found.counts, interval.resamples, interval.confidence, interval.seed)
        ends = {"h_low": np.minimum(low, binning.most_bits), "h_high": np.minimum(high, binning.most_bits)}
    return {
        "layer": np.array([name] * means.units),
        "index": np.arange(means.units),
        "h": found.h,
        "h_miller_madow": miller_madow_bits(found.counts),
        "mean": found.mean,
        "std": found.std,
        "zeros": found.zeros,
        "dead": found.zeros == 1,
        "low": binning.low,
        "high": binning.high,
        "bins": binning.bins,
        **ends,
    }


def _stacked(
    measured: Sequence[dict[str, NDArray[Any]]], tables: ScanTables, layers: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """The columns of all layers below each other, and the importance that the scan has."""
    columns = {key: np.concatenate([layer[key] for layer in measured]) for key in measured[0]}
    return columns | {key: np.concatenate([of[name] for name in layers]) for key, of in tables.importance.items()}


def _with_comparisons(columns: dict[str, NDArray[Any]], scope: Scope, provenance: Provenance) -> Table:
    h, layer = columns["h"], columns["layer"]
    hmax = largest_h(layer, h, "network" if scope == "network" else "layer")
    ties = np.empty(len(h), np.int64)
    for name in provenance.ranges:
        rows = layer == name
        _, inverse, counts = np.unique(h[rows], return_inverse=True, return_counts=True)
        ties[rows] = counts[inverse] - 1
    relative = np.divide(h, hmax, out=np.zeros_like(h), where=hmax > 0)
    return Table(
        **columns,
        h_relative=relative,
        rank=rank_by_h(h, columns["std"], columns["mean"]),
        ties=ties,
        provenance=provenance,
    )


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
