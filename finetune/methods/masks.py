"""Controls of M2: as many free filters, chosen by something other than H."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from entropy.measuring.measures import MEASURES, MeasureName, Source, scores_by
from entropy.measuring.table import Table
from finetune.methods.parts.filters import free_counts, lowest_of_layers, lowest_of_net
from finetune.methods.parts.grids import BASE_LR
from finetune.methods.parts.plans import ProfileName, plan_of, table_of, what_is_free
from finetune.methods.parts.start import FcName, HeadName, start
from finetune.methods.registry import method
from finetune.training.prepared import Prepared, Setting

Array = NDArray[np.float64]
Choose = Callable[[Table, Array, dict[str, int]], dict[str, Array]]

CONTROLS: dict[MeasureName, tuple[str, str]] = {
    "mean": ("lowest mean activation", "control of M2 (Basarte 2019)"),
    "std": ("lowest standard deviation of the activation", "control of M2 (Basarte 2019)"),
    "inverse": ("highest H", "control of M2 (Basarte 2019)"),
    "random": ("at random", "control of M2 (Basarte 2019)"),
    "weight": ("smallest weights", "filter magnitude, Li et al. (ICLR 2017)"),
    "taylor": ("lowest Taylor importance", "Molchanov et al. (ICLR 2017)"),
    "mas": ("lowest MAS importance", "Aljundi et al. (ECCV 2018), for units"),
}
"""Measures that take the place of H: what they choose, and where they come from."""


def prepare_mask(setting: Setting, measure: MeasureName, profile: ProfileName, head: HeadName, fc: FcName) -> Prepared:
    """Free as many filters of the net as M2 does, those that are lowest by another measure than H.

    Parameters
    ----------
    measure : in place of H.
    profile, head, fc : as for M2.
    """

    def choose(table: Table, scores: Array, of_m2: dict[str, int]) -> dict[str, Array]:
        return lowest_of_net(table, scores, sum(of_m2.values()))

    return _prepare(setting, measure, profile, head, fc, choose)


def prepare_layer_matched(
    setting: Setting, measure: MeasureName, profile: ProfileName, head: HeadName, fc: FcName
) -> Prepared:
    """Free as many filters of every layer as M2 does, those that are lowest by another measure than H.

    What is left of a difference to M2 is due to H within a layer, and not to the choice of layers.

    Parameters
    ----------
    measure, profile, head, fc : as for `prepare_mask`.
    """
    return _prepare(setting, measure, profile, head, fc, lowest_of_layers)


def _prepare(
    setting: Setting, measure: MeasureName, profile: ProfileName, head: HeadName, fc: FcName, choose: Choose
) -> Prepared:
    table, model = table_of(setting, profile), setting.model
    scores = scores_by(measure, Source(table, setting.seed, (model.net, model.weights)))
    rates = choose(table, scores, free_counts(plan_of(setting, 2, profile).multipliers))
    return start(setting, head, fc).prepared(rates, [f"{what_is_free(rates)}, by {MEASURES[measure].what}"])


def _register(name: str, measure: MeasureName, title: str, prepare: Callable[..., Prepared]) -> None:
    source = CONTROLS[measure][1]
    method(name, title, source, BASE_LR, measure=measure, profile="default", head="fc7", fc="frozen")(prepare)


for _measure, (_which, _) in CONTROLS.items():
    _inverse = _measure == "inverse"
    _register(
        f"mask-{'inverse-entropy' if _inverse else _measure}",
        _measure,
        f"M2's number of filters, {_which}",
        prepare_mask,
    )
    _register(
        f"layer-{'entropy-highest' if _inverse else _measure}",
        _measure,
        f"M2's number in each layer, {_which}",
        prepare_layer_matched,
    )
