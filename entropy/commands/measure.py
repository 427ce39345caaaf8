"""``python -m entropy measure``: H of every filter of a scan."""

from __future__ import annotations

import warnings
from pathlib import Path

import tyro

from entropy.commands import reporting
from entropy.measuring.binning import Rule, Scope
from entropy.measuring.bootstrap import DEFAULT_CONFIDENCE
from entropy.measuring.histograms import DEFAULT_BINS, DEFAULT_QUANTILE
from entropy.measuring.measurement import measuring
from entropy.measuring.scan_file import Kept
from entropy.measuring.table_files import check_ending, write_table
from prototxt.common.progress import with_bar


def measure_command(
    scan: tyro.conf.Positional[Path],
    out: Path = Path("entropy.csv"),
    layers: tuple[str, ...] = (),
    bins: int | Rule = DEFAULT_BINS,
    width: float | None = None,
    quantile: float = DEFAULT_QUANTILE,
    scope: Scope = "layer",
    before_activation: bool = False,
    kept: Kept = "auto",
    resamples: int = 0,
    confidence: float = DEFAULT_CONFIDENCE,
    seed: int = 0,
) -> None:
    """Measure H of every filter from a scan, and write it as a table.

    Parameters
    ----------
    scan
        scan.h5, from deepvis scan.
    out
        the table, CSV or HDF5 (.h5).
    layers
        layers to measure (default: all convolutions).
    bins
        bins of the histograms: a number, or a rule of NumPy's.
    width
        of a bin, in place of their number.
    quantile
        upper end of their range, as a quantile of the mean activations.
    scope
        whose mean activations make the range.
    before_activation
        use the means before the activation function.
    kept
        measure the scan's table of means, or its histograms of them (auto: the table where it is there).
    resamples
        resampled data sets for a bootstrap confidence interval of each H, such as 1000 (default: no intervals).
    confidence
        of the intervals.
    seed
        of the resampling.
    """
    check_ending(out)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        work = measuring(
            scan,
            layers or None,
            bins=bins,
            width=width,
            quantile=quantile,
            scope=scope,
            after=not before_activation,
            kept=kept,
            resamples=resamples,
            confidence=confidence,
            seed=seed,
        )
        table = with_bar(work)
    write_table(table, out)
    print(reporting.describe_table(table))
    for warning in caught:
        print(f"note: {warning.message}")
    print(f"wrote {out}")
