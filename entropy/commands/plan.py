"""``python -m entropy plan``: a multiplier for every filter."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import tyro

from entropy.commands import reporting
from entropy.commands.per_layer import numbers_by_layer
from entropy.measuring.measures import MeasureName
from entropy.measuring.table_files import read_table
from entropy.planning.learning import what_learns
from entropy.planning.plan import HmaxName
from entropy.planning.plan import plan as make_plan
from entropy.planning.quantize import DEFAULT_LEVELS
from entropy.planning.spread import odd_spread
from prototxt.formats.text import read_net


def plan_command(
    table: tyro.conf.Positional[Path],
    method: int | None = None,
    function: str | None = None,
    out: Path = Path("plan.json"),
    by: MeasureName = "entropy",
    seed: int = 0,
    weights: Path | None = None,
    threshold: float | None = None,
    share: float | None = None,
    quantile: float | None = None,
    quantile_of: Literal["network", "layer"] = "network",
    layers_share: str | None = None,
    hmax: HmaxName | None = None,
    levels: int = DEFAULT_LEVELS,
    exact: bool = False,
    net: Path | None = None,
) -> None:
    """Give every filter a learning-rate multiplier.

    Parameters
    ----------
    table
        entropy.csv (or .h5), from measure.
    method
        1-3 free filters below a threshold of H; 4-6 are soft functions of H / Hmax.
    function
        an expression over H, Hmax and th in place of a method, such as "where(H < th, 1, 0.1)".
    out
        the plan, JSON.
    by
        what takes the place of H, for comparison.
    seed
        of random numbers.
    weights
        the caffemodel that was scanned (only for weight magnitudes).
    threshold
        bits, or the unit of what takes the place of H (methods 1-3, functions of th).
    share
        share of free filters to solve the threshold for (default: 0.40, 0.15, 0.085).
    quantile
        quantile of H to take as threshold.
    quantile_of
        whose quantile: one threshold for the network, or one for each layer.
    layers_share
        share of free filters of each layer, such as conv4=0.1,conv5=0.6; layers that are not named have none.
    hmax
        whose largest H is Hmax (methods 4-6, functions of Hmax); or the largest that the bins allow.
    levels
        most different multipliers per layer.
    exact
        keep every multiplier; one Caffe layer for each.
    net
        the deploy net, to list what of it learns, layers outside the plan too.
    """
    deploy = None if net is None else read_net(net)
    made = make_plan(
        read_table(table),
        method,
        function=function,
        by=by,
        seed=seed,
        weights=weights,
        threshold=threshold,
        share=share,
        quantile=quantile,
        quantile_of=quantile_of,
        layers_share=None if layers_share is None else numbers_by_layer("--layers-share", [layers_share]),
        hmax=hmax,
        levels=None if exact else levels,
    )
    made.write(out)
    print(reporting.describe_plan(made))
    if deploy is None:
        print("layers outside the plan learn at the full rate, unless write gets --rate; --net lists them")
    else:
        print(reporting.describe_learning(what_learns(deploy, made.multipliers)))
    for sentence in odd_spread(made, deploy):
        print(f"note: {sentence}")
    print(f"wrote {out}")
