"""Where the line between free and frozen filters lies: given, solved for a share, or a quantile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from entropy.errors import PlanError
from entropy.planning.transfer import solve_threshold

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Wish:
    """How a threshold is to be found; at most one of these but ``quantile_of``.

    Parameters
    ----------
    threshold : the value itself, over the whole net.
    share : the share of free filters of the whole net to solve it for, in [0, 1].
    quantile : a quantile of the scores, in [0, 1]; ``quantile_of`` the whole network's, or each layer's own.
    layers_share : layer to the share of its filters that are free, in [0, 1]; other layers have none.
    """

    threshold: float | None = None
    share: float | None = None
    quantile: float | None = None
    quantile_of: Literal["network", "layer"] = "network"
    layers_share: Mapping[str, float] = field(default_factory=dict)

    @property
    def given(self) -> list[str]:
        """Names of those that are given."""
        found = [name for name in ("threshold", "share", "quantile") if getattr(self, name) is not None]
        return found + ["layers_share"] * bool(self.layers_share)


@dataclass(frozen=True)
class Threshold:
    """A threshold that was found.

    Parameters
    ----------
    of_filters : (M,) the threshold of every filter; those with a score below it are free.
    value : of the whole net, or None where every layer has its own, in ``of_layers``.
    share : that it was solved for, if it was.
    """

    of_filters: Array
    value: float | None
    share: float | None = None
    of_layers: dict[str, float] = field(default_factory=dict)


def find_threshold(scores: Array, layer: NDArray[np.str_], wish: Wish, default_share: float | None) -> Threshold:
    """Find the threshold that was wished for.

    Parameters
    ----------
    scores, layer : (M,) score and layer name of every filter.
    default_share : to solve for when nothing is wished for; None if something must be.

    Raises
    ------
    PlanError : two wishes or none, or a number out of range.
    """
    if len(wish.given) > 1:
        raise PlanError(
            "give either a threshold, a share of free filters, shares of layers or a quantile, not both "
            f"{wish.given[0]} and {wish.given[1]}"
        )
    share = default_share if not wish.given else wish.share
    if wish.threshold is not None:
        if not np.isfinite(wish.threshold):
            raise PlanError(f"the threshold must be a number; got {wish.threshold}")
        return _everywhere(scores, float(wish.threshold))
    if wish.quantile is not None:
        return _quantile(scores, layer, wish)
    if wish.layers_share:
        return _shares_of_layers(scores, layer, wish.layers_share)
    if share is None:
        raise PlanError("the function uses th: give a threshold, a share of free filters, or a quantile")
    return _everywhere(scores, solve_threshold(scores, share), share)


def _everywhere(scores: Array, value: float, share: float | None = None) -> Threshold:
    return Threshold(np.full(len(scores), value), value, share)


def _quantile(scores: Array, layer: NDArray[np.str_], wish: Wish) -> Threshold:
    quantile = float(wish.quantile or 0.0)
    if not 0 <= quantile <= 1:
        raise PlanError(f"the quantile must lie between 0 and 1; got {quantile:g}")
    if wish.quantile_of == "network":
        return _everywhere(scores, float(np.quantile(scores, quantile)))
    names = dict.fromkeys(layer.tolist())
    return _of_layers(layer, {name: float(np.quantile(scores[layer == name], quantile)) for name in names})


def _shares_of_layers(scores: Array, layer: NDArray[np.str_], shares: Mapping[str, float]) -> Threshold:
    names = dict.fromkeys(layer.tolist())
    strangers = [name for name in shares if name not in names]
    if strangers:
        raise PlanError(f"the table has no layer {strangers[0]!r} to give a share to; it has {', '.join(names)}")
    return _of_layers(layer, {name: solve_threshold(scores[layer == name], shares.get(name, 0.0)) for name in names})


def _of_layers(layer: NDArray[np.str_], found: dict[str, float]) -> Threshold:
    return Threshold(np.array([found[name] for name in layer.tolist()]), None, of_layers=found)
