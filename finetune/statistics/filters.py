"""What training did to every filter: to its weights, and to what it answers to old images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prototxt.formats.schema import LayerParameter
from prototxt.formats.weights import Weights
from prototxt.split import filter_rows

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FilterChange:
    """What happened to the filters of a layer, (filters,) each.

    Parameters
    ----------
    weights : length of the change of a filter's weights and bias over their length before; 0 for the same bits.
    activity : change of its mean activation over images, in standard deviations of the activation before; 0 for a
        filter that was silent and still is, infinite for one that was silent and is not.
    correlation : of its activations before and after, over images; not a number where one of them is constant.
    """

    weights: Array
    activity: Array | None = None
    correlation: Array | None = None


def weight_changes(layers: Mapping[str, LayerParameter], before: Weights, after: Weights) -> dict[str, Array]:
    """Relative change of every filter's weights.

    Parameters
    ----------
    layers : those with filters, by name.
    before, after : weights of these layers.

    Returns
    -------
    Layer to (filters,) changes, 0 or greater.
    """
    changes = {}
    for name, layer in layers.items():
        old, new = (
            np.concatenate([rows.reshape(len(rows), -1) for rows in filter_rows(layer, weights[name])], axis=1)
            for weights in (before, after)
        )
        length = np.linalg.norm(old.astype(np.float64), axis=1)
        moved = np.linalg.norm(new.astype(np.float64) - old, axis=1)
        changes[name] = np.divide(moved, length, out=np.where(moved > 0, np.inf, 0.0), where=length > 0)
    return changes


def activity_changes(before: Array, after: Array) -> tuple[Array, Array]:
    """How the activations of filters changed on the same images.

    Parameters
    ----------
    before, after : (images, filters) mean activations.

    Returns
    -------
    ``activity`` and ``correlation`` of `FilterChange`.
    """
    old, new = before.astype(np.float64), after.astype(np.float64)
    shift, spread = np.abs(new.mean(0) - old.mean(0)), old.std(0)
    activity = np.divide(shift, spread, out=np.where(shift > 0, np.inf, 0.0), where=spread > 0)
    covariance = ((old - old.mean(0)) * (new - new.mean(0))).mean(0)
    product = spread * new.std(0)
    correlation = np.divide(covariance, product, out=np.full(len(product), np.nan), where=product > 0)
    return activity, correlation
