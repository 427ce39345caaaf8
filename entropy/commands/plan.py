"""``python -m entropy plan``: a multiplier for every filter."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import tyro

from entropy.commands import reporting
from entropy.measuring.measures import MeasureName
from entropy.measuring.table_files import read_table
from entropy.planning.plan import HmaxName
from entropy.planning.plan import plan as make_plan
from entropy.planning.quantize import DEFAULT_LEVELS


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
    hmax: HmaxName | None = None,
    levels: int = DEFAULT_LEVELS,
    exact: bool = False,
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
    hmax
        whose largest H is Hmax (methods 4-6, functions of Hmax); or the largest that the bins allow.
    levels
        most different multipliers per layer.
    exact
        keep every multiplier; one Caffe layer for each.
    """
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
        hmax=hmax,
        levels=None if exact else levels,
    )
    made.write(out)
    print(reporting.describe_plan(made))
    print(f"wrote {out}")
