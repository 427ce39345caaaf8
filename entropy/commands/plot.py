"""``python -m entropy plot``: the figures of the method."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import tyro

from entropy.errors import PlanError
from entropy.measuring.table_files import read_table
from entropy.planning.plan import read_plan


def plot_command(
    table: tyro.conf.Positional[Path],
    out: Path = Path("figures"),
    scan: Path | None = None,
    units: tuple[tuple[str, int], ...] = (),
    plan: Path | None = None,
    format: Literal["png", "svg", "pdf"] = "png",
) -> None:
    """Draw H per layer with the thresholds, the transfer functions, and histograms of units.

    Parameters
    ----------
    table
        entropy.csv (or .h5), from measure.
    out
        folder of the pictures.
    scan
        the scan.h5 that was measured, for histograms.
    units
        layer and number of each unit whose histogram is drawn (default: smallest and largest H of the first layer).
    plan
        plan.json whose thresholds are drawn (default: those of methods 1-3).
    format
        of the pictures.
    """
    from entropy.commands import figures  # matplotlib takes a second to import

    read = read_table(table)
    if units and scan is None:
        raise PlanError("histograms of units need the scan that was measured: give --scan")
    made = {
        "distributions": figures.draw_distributions(read, None if plan is None else read_plan(plan)),
        "hard_functions": figures.draw_hard_functions(read),
        "soft_functions": figures.draw_soft_functions(),
    }
    if scan is not None:
        made["histograms"] = figures.draw_histograms(read, scan, units or figures.extreme_units(read))
    for name, figure in made.items():
        figures.save(figure, out / f"{name}.{format}")
        print(f"wrote {out / f'{name}.{format}'}")
