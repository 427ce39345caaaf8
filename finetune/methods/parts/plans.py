"""Rates of filters from a measure of them: the thesis's plans, and how a result says what they free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from entropy.measuring.table import Table
from entropy.planning.plan import Plan, plan
from entropy.planning.quantize import DEFAULT_LEVELS
from entropy.planning.transfer import TRANSFER
from finetune.errors import ExperimentError
from finetune.training.prepared import Setting

Array = NDArray[np.float64]
ProfileName = Literal["default", "thesis"]
"""How H is measured and what Hmax is: 256 bins and the layer's, or 10 bins and the network's."""

ScopeName = Literal["network", "layer"]
"""Whether one threshold holds in the whole net, or each layer has its own for the same share of its filters."""


def table_of(setting: Setting, profile: ProfileName) -> Table:
    """The table of the source net's filters, measured as a profile says.

    Raises
    ------
    ExperimentError : an unknown profile.
    """
    if profile not in get_args(ProfileName):
        raise ExperimentError(f"there is no profile {profile!r}; use one of {', '.join(get_args(ProfileName))}")
    return setting.measure(profile)


def plan_of(
    setting: Setting,
    method: int,
    profile: ProfileName = "default",
    scope: ScopeName = "network",
    levels: int | None = DEFAULT_LEVELS,
) -> Plan:
    """Give every filter the rate of one of the thesis's six methods.

    Parameters
    ----------
    method : 1 to 6.
    scope : of the threshold of methods 1 to 3.
    levels : most different rates per layer, or None for exact ones.
    """
    if scope not in get_args(ScopeName):
        raise ExperimentError(f"a threshold cannot hold for a {scope!r}; use one of {', '.join(get_args(ScopeName))}")
    options: dict[str, Any] = {"hmax": "network" if profile == "thesis" else "layer", "levels": levels}
    if scope == "layer" and TRANSFER[method].hard:
        options |= {"quantile": TRANSFER[method].default_share, "quantile_of": "layer"}
    return plan(table_of(setting, profile), method, **options)


def what_is_free(rates: Mapping[str, Array]) -> str:
    """Say how many filters learn, such as ``173 of 1152 filters learn (0, 0, 4, 4, 165 in conv1 … conv5)``."""
    names = list(rates)
    counts = [int((np.asarray(of_layer) > 0).sum()) for of_layer in rates.values()]
    total = sum(len(of_layer) for of_layer in rates.values())
    return f"{sum(counts)} of {total} filters learn ({', '.join(map(str, counts))} in {names[0]} … {names[-1]})"
