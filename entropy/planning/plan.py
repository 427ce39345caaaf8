"""From H to a learning-rate multiplier for every filter: the plan and its file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from entropy.errors import PlanError
from entropy.measuring.measurement import largest_h
from entropy.measuring.measures import MEASURES, MeasureName, Source, scores_by
from entropy.measuring.table import Table
from entropy.planning.expression import parse_expression
from entropy.planning.quantize import DEFAULT_LEVELS, QuantizationError, quantize
from entropy.planning.split_parts import disagreement
from entropy.planning.thresholds import Threshold, Wish, find_threshold
from entropy.planning.transfer import TRANSFER
from prototxt.common import atomic
from prototxt.split import SplitLayer

Array = NDArray[np.float64]
HmaxName = Literal["layer", "network", "bins"]


class LayerPlan(BaseModel):
    """The multipliers of one layer's filters, in their order.

    Parameters
    ----------
    requested : what the transfer function gave.
    realised : after the quantiser; what Caffe gets.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requested: tuple[float, ...]
    realised: tuple[float, ...]

    @classmethod
    def of(cls, requested: Array, levels: int | None) -> LayerPlan:
        """Quantise (units,) multipliers to at most ``levels`` different ones."""
        return cls(requested=tuple(requested.tolist()), realised=tuple(quantize(requested, levels).tolist()))


class Plan(BaseModel):
    """A learning-rate multiplier for every filter, and where it came from; the content of ``plan.json``.

    The multipliers are those of ``layers``. What ``split`` repeats of them, part by part, is compared when a plan is
    read (`read_plan`), and not asked for anywhere else.

    Parameters
    ----------
    method : 1-6, the transfer function, or 0 for the user's; ``formula`` writes it out.
    by : the measure of `entropy.measuring.measures.MEASURES` that took the place of H in it; ``seed`` of random
        numbers.
    threshold : in the unit of the measure, bits for H (hard functions); filters with H below it are free.
    thresholds : layer to threshold, where every layer has its own.
    quantile : the quantile of H that the threshold is, if it is one.
    share_wanted : the share of free filters that the threshold was solved for, if it was.
    share_free : the share of filters with a multiplier above 0.
    hmax : what Hmax is (soft functions): the largest H of the layer or the network, or what the bins allow.
    levels : most different multipliers per layer, or None for exact ones.
    layers : the multipliers of every planned layer.
    weights_hash : of the model that was scanned, hence of the weights that the plan is for.
    images_hash, preprocessing_hash, measured : from the table: what was scanned, and how H was measured.
    split : which layers took the place of which, once the split net has been written.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["entropy-plan"] = "entropy-plan"
    version: Literal[1] = 1
    method: int
    formula: str
    by: MeasureName = "entropy"
    seed: int = 0
    threshold: float | None
    thresholds: dict[str, float] = {}
    quantile: float | None = None
    share_wanted: float | None
    share_free: float
    hmax: HmaxName
    levels: int | None
    weights_hash: str
    images_hash: str
    preprocessing_hash: str
    measured: dict[str, Any]
    layers: dict[str, LayerPlan]
    split: tuple[SplitLayer, ...] = ()

    @property
    def multipliers(self) -> dict[str, Array]:
        """Layer name to the realised multiplier of each filter, (units,) float64 in [0, 1]."""
        return self.rates(exact=False)

    def rates(self, exact: bool) -> dict[str, Array]:
        """Layer name to (units,) float64 multipliers: as the transfer function gave them (``exact``), or realised."""
        return {name: np.array(layer.requested if exact else layer.realised) for name, layer in self.layers.items()}

    @property
    def errors(self) -> dict[str, QuantizationError]:
        """Layer name to the quantiser's error."""
        return {
            name: QuantizationError.between(np.array(layer.requested), np.array(layer.realised))
            for name, layer in self.layers.items()
        }

    def to_json(self) -> str:
        """The text of ``plan.json``; one line per list of numbers."""
        text = json.dumps(self.model_dump(mode="json"), indent=1)
        return re.sub(r"\[[^\[\]{}]+\]", lambda found: " ".join(found[0].split()), text) + "\n"

    def write(self, path: Path | str) -> None:
        """Write ``plan.json``, whole or not at all."""
        atomic.write_text(path, self.to_json())


def plan(
    table: Table,
    method: int | None = None,
    *,
    function: str | None = None,
    by: MeasureName = "entropy",
    seed: int = 0,
    weights: Path | str | None = None,
    threshold: float | None = None,
    share: float | None = None,
    quantile: float | None = None,
    quantile_of: Literal["network", "layer"] = "network",
    layers_share: Mapping[str, float] | None = None,
    hmax: HmaxName | None = None,
    levels: int | None = DEFAULT_LEVELS,
) -> Plan:
    """Give every filter of a table a learning-rate multiplier.

    Parameters
    ----------
    table : from `entropy.measure`.
    method : 1-3, a threshold (free below, frozen from it on); 4-6, the soft functions of H / Hmax.
    function : in place of a method: an expression over H, Hmax and th, see
        `entropy.planning.expression.parse_expression`.
    by : what takes the place of H: a measure of `entropy.measuring.measures.MEASURES`, such as ``mean`` or ``random``;
        for controls.
    seed : of random numbers.
    weights : the caffemodel that was scanned; only for ``by="weight"``.
    threshold : for methods 1-3 and functions of th, in bits (in the measure's unit), over the whole net.
    share : in place of a threshold: the share of free filters, in [0, 1], to solve it for; by default
        0.40, 0.15 and 0.085.
    quantile : in place of a threshold: this quantile of H, in [0, 1], ``quantile_of`` the whole network or each layer.
    layers_share : in place of a threshold: layer to the share of its filters, in [0, 1], that is free, those with the
        lowest H; layers that are not named have no free filters.
    hmax : for methods 4-6 and functions of Hmax, the largest H of the ``layer`` or of the ``network``, or log2 of the
        ``bins``, the largest that could be; by default of whatever shares a histogram range (the layer, unless the
        table was measured with the network's range).
    levels : most different multipliers per layer (at least 3), or None for one per different H.

    Raises
    ------
    PlanError : an unknown method, or an argument that does not fit it.

    References
    ----------
    Basarte (2019), section 3.3, functions f1 to f6.
    """
    chosen = _chosen(method, function)
    scores = scores_by(by, Source(table, seed, weights))
    scope = hmax or ("network" if table.provenance.scope == "network" else "layer")
    found = _threshold(chosen, scores, table, Wish(threshold, share, quantile, quantile_of, layers_share or {}))
    values = {"H": scores} | ({"th": found.of_filters} if found else {})
    if "Hmax" in chosen.names:
        values["Hmax"] = _largest(table, scores, scope, by)
    requested = chosen.rates(values)
    layers = {name: LayerPlan.of(requested[table.layer == name], levels) for name in table.layers}
    realised = np.concatenate([layer.realised for layer in layers.values()])
    source = table.provenance
    return Plan(
        method=method or 0,
        formula=chosen.formula,
        by=by,
        seed=seed,
        threshold=found.value if found else None,
        thresholds=found.of_layers if found else {},
        quantile=quantile,
        share_wanted=found.share if found else None,
        share_free=float((realised > 0).mean()),
        hmax=scope,
        levels=levels,
        weights_hash=source.model_hash,
        images_hash=source.images_hash,
        preprocessing_hash=source.preprocessing_hash,
        measured=source.measurement,
        layers=layers,
    )


@dataclass(frozen=True)
class _Chosen:
    """A transfer function, ours or the user's, over the names that it needs."""

    title: str
    formula: str
    names: frozenset[str]
    rates: Callable[[Mapping[str, Array]], Array]
    default_share: float | None = None


def _chosen(method: int | None, function: str | None) -> _Chosen:
    if function is not None:
        if method is not None:
            raise PlanError("give either a method or a function, not both")
        expression = parse_expression(function)
        return _Chosen(f"function {expression.text!r}", expression.text, expression.names, expression)
    if method is None or method not in TRANSFER:
        wrong = "" if method is None else f"there is no method {method}; "
        raise PlanError(f"{wrong}use one of {', '.join(map(str, TRANSFER))}, or give a function")
    transfer = TRANSFER[method]
    reference = "th" if transfer.hard else "Hmax"
    return _Chosen(
        f"method {method} ({transfer.formula})",
        transfer.formula,
        frozenset({"H", reference}),
        lambda values: transfer.function(values["H"], values[reference]),
        transfer.default_share,
    )


def _threshold(chosen: _Chosen, scores: Array, table: Table, wish: Wish) -> Threshold | None:
    """The threshold that is wished for; None for a function without one."""
    if "th" in chosen.names:
        return find_threshold(scores, table.layer, wish, chosen.default_share)
    if wish.given:
        raise PlanError(f"{chosen.title} has no threshold; leave out the {wish.given[0]}, or use a method from 1 to 3")
    return None


def _largest(table: Table, scores: Array, scope: HmaxName, by: MeasureName) -> Array:
    if (scores < 0).any():
        raise PlanError(
            f"{(scores < 0).sum()} filters have a {by} below 0 (before the activation?); soft functions divide by "
            "the largest, so use a method from 1 to 3"
        )
    if scope != "bins":
        return largest_h(table.layer, scores, scope)
    if MEASURES[by].unit != "bits":
        raise PlanError(f"the bins limit H, not {MEASURES[by].what}; take the largest of the layer or of the network")
    return np.maximum(np.log2(table.bins), scores)


def read_plan(path: Path | str) -> Plan:
    """Read a ``plan.json``.

    Raises
    ------
    PlanError : missing, no JSON, an unknown or missing field, a layer whose two lists differ in length, or parts of
        split layers that are not those of the multipliers.
    """
    path = Path(path)
    try:
        result = Plan.model_validate_json(path.read_text())
    except OSError as error:
        raise PlanError(f"{path}: cannot be read ({error.strerror}); make it with: python -m entropy plan") from None
    except (ValidationError, UnicodeDecodeError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": "it is no text"}
        place = ".".join(map(str, first["loc"])) or "the file"
        raise PlanError(f"{path}: {place}: {first['msg']}; make it again with: python -m entropy plan") from None
    for name, layer in result.layers.items():
        if len(layer.requested) != len(layer.realised):
            raise PlanError(f"{path}: layer {name!r} has {len(layer.requested)} requested and {len(layer.realised)} "
                            "realised multipliers; make it again with: python -m entropy plan")  # fmt: skip
    wrong = disagreement(result.multipliers, result.split) if result.split else ""
    if wrong:
        raise PlanError(f"{path}: {wrong}; undo the change, or make the folder again with: python -m entropy write")
    return result
