"""What a filter's learning rate can be made from: H, and the controls that it has to be compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from entropy.errors import PlanError
from entropy.measuring.measurement import largest_h
from entropy.measuring.scan_layout import Importance
from entropy.measuring.table import Table
from prototxt.formats.schema import NetParameter
from prototxt.formats.weights import Weights, read_model, weights_hash
from prototxt.split.layouts import filter_rows, unit_count

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Source:
    """Where scores come from.

    Parameters
    ----------
    table : of all filters.
    seed : of random scores.
    weights : the caffemodel that was scanned, or its net and weights in memory; only weight magnitudes need it.
    """

    table: Table
    seed: int = 0
    weights: Path | str | tuple[NetParameter, Weights] | None = None


@dataclass(frozen=True)
class Measure:
    """A score of every filter; the smaller it is, the more freely the filter learns.

    Parameters
    ----------
    what : in a few words, as shown to people.
    unit : of the scores.
    scores : of all filters of the table, (M,) float64.
    """

    what: str
    unit: str
    scores: Callable[[Source], Array]


def _entropy(source: Source) -> Array:
    return source.table.h


def _miller_madow(source: Source) -> Array:
    return source.table.h_miller_madow


def _inverse(source: Source) -> Array:
    return np.log2(source.table.bins) - source.table.h


def _mean(source: Source) -> Array:
    return source.table.mean / _range_width(source.table)


def _std(source: Source) -> Array:
    return source.table.std / _range_width(source.table)


def _random(source: Source) -> Array:
    return np.random.default_rng(source.seed).random(len(source.table))


def _range_width(table: Table) -> Array:
    """Width of the histogram range of every filter's layer; 1 where there is none, or each filter has its own."""
    width = table.high - table.low
    return np.where((width > 0) & (table.provenance.scope != "neuron"), width, 1.0)


def _taylor(source: Source) -> Array:
    return _importance(source.table, source.table.taylor, "Taylor")


def _mas(source: Source) -> Array:
    return _importance(source.table, source.table.mas, "MAS")


def _importance(table: Table, values: Array | None, name: str) -> Array:
    if values is None:
        raise PlanError(
            f"the table has no {name} importance: scan with deepvis scan --importance, and measure again from that scan"
        )
    return _per_layer(table, values)


def _per_layer(table: Table, values: Array) -> Array:
    """Divide the values of each layer by the layer's largest."""
    largest = largest_h(table.layer, values, "layer")
    return np.divide(values, largest, out=np.zeros_like(values), where=largest > 0)


def _weight(source: Source) -> Array:
    table, given = source.table, source.weights
    if given is None:
        raise PlanError("weight magnitudes need the weights: give the caffemodel that was scanned (--weights)")
    net, weights = given if isinstance(given, tuple) else read_model(given)
    where = net.name or "the net" if isinstance(given, tuple) else given
    expected = table.provenance.model_hash
    if expected and weights_hash(weights) != expected:
        raise PlanError(
            f"{where}: has the hash {weights_hash(weights)[:12]}..., but the table was measured with weights with the "
            f"hash {expected[:12]}...; give the weights that were scanned"
        )
    layers = {layer.name: layer for layer in net.layer}
    scores = np.empty(len(table))
    for name in table.layers:
        rows = table.layer == name
        if name not in layers or name not in weights or unit_count(layers[name]) != rows.sum():
            raise PlanError(f"{where}: has no layer {name!r} with {rows.sum()} filters; give the weights of this net")
        filters = filter_rows(layers[name], weights[name])[0]
        magnitudes = np.abs(filters.reshape(len(filters), -1)).mean(axis=1, dtype=np.float64)
        scores[rows] = magnitudes
    return _per_layer(table, scores)


MeasureName = Literal["entropy", "miller-madow", "inverse", "mean", "std", "random", "weight", Importance]
MEASURES: dict[MeasureName, Measure] = {
    "entropy": Measure("H", "bits", _entropy),
    "miller-madow": Measure("H with the Miller-Madow correction", "bits", _miller_madow),
    "inverse": Measure("the bits that H lacks to its greatest possible value", "bits", _inverse),
    "mean": Measure("mean activation", "of the layer's range", _mean),
    "std": Measure("standard deviation of the activation", "of the layer's range", _std),
    "random": Measure("a random number", "of 1", _random),
    "weight": Measure("mean absolute weight", "of the layer's largest", _weight),
    "taylor": Measure("Taylor importance", "of the layer's largest", _taylor),
    "mas": Measure("MAS importance", "of the layer's largest", _mas),
}


def scores_by(name: MeasureName, source: Source) -> Array:
    """Give the score of every filter by a measure of `MEASURES`.

    Mean activation and standard deviation are divided by the range of their layer's histograms, and weight magnitudes
    and importance by the largest of their layer, so that one threshold can hold in the whole net, as it does for H.

    Returns
    -------
    (M,) finite; in [0, log2(bins)] for H and its inverse (for Miller-Madow it may be slightly more), in [0, 1] for
    random numbers, weights, importance, and about that for the others.

    Raises
    ------
    PlanError : an unknown measure, or no weights, or others than those scanned.
    """
    if name not in MEASURES:
        raise PlanError(f"there is no measure {name!r}; use one of {', '.join(MEASURES)}")
    return MEASURES[name].scores(source)
