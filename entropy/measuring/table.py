"""The table of all filters with their H, and its CSV file."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from entropy.measuring.scan_layout import IMPORTANCE
from prototxt.common import atomic


@dataclass(frozen=True)
class Interval:
    """How the confidence intervals of H were made: see `entropy.measuring.bootstrap.bootstrap_interval`."""

    resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True)
class Provenance:
    """What a table was measured from, and how.

    Parameters
    ----------
    images : number of images N.
    bins, quantile, scope, after, width : the settings of `entropy.measure`.
    ranges : layer to (low, high) of its histograms; empty when every filter has a range of its own.
    model_hash, images_hash, preprocessing_hash : copied from the scan.
    interval : of the confidence intervals of H, or None without.
    """

    images: int
    bins: int | str
    quantile: float
    scope: str
    after: bool
    ranges: dict[str, tuple[float, float]]
    model_hash: str = ""
    images_hash: str = ""
    preprocessing_hash: str = ""
    interval: Interval | None = None
    width: float | None = None

    @property
    def measurement(self) -> dict[str, Any]:
        """How H was measured, as a plan repeats it: the number of images, and settings of `entropy.measure`."""
        return {name: getattr(self, name) for name in ("images", "bins", "width", "quantile", "scope", "after")}

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Provenance:
        """Read what `to_json` wrote; ValueError, TypeError or KeyError where it is something else."""
        fields = json.loads(text)
        fields["ranges"] = {layer: (float(low), float(high)) for layer, (low, high) in fields["ranges"].items()}
        interval = fields.pop("interval", None)
        return cls(**fields, interval=None if interval is None else Interval(**interval))


@dataclass(frozen=True, eq=False)
class Table:
    """One row per filter, over all layers measured; every array has M entries.

    Parameters
    ----------
    layer : name of the filter's layer.
    index : the filter's place in its layer, from 0.
    h : H in bits (plug-in).
    h_miller_madow : H in bits with the Miller-Madow correction.
    h_relative : H / Hmax, Hmax being the largest H of the layer (of the network where the range is the network's).
    mean, std : of the mean activation over images.
    zeros : share of images with a mean activation of exactly 0, in [0, 1].
    dead : true where that share is 1: the filter was never active.
    rank : 1 for the smallest H of all; equal H are ordered by (std, mean, layer, index).
    ties : number of other filters of the same layer with exactly the same H.
    low, high, bins : range of the filter's histogram, and number of its bins.
    provenance : what it was measured from.
    h_low, h_high : ends of the confidence interval of H in bits, or None without.
    taylor, mas : mean importance of the filter over images (docs/scan-format.md), or None where the scan has none.
    """

    layer: NDArray[np.str_]
    index: NDArray[np.int64]
    h: NDArray[np.float64]
    h_miller_madow: NDArray[np.float64]
    h_relative: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    zeros: NDArray[np.float64]
    dead: NDArray[np.bool_]
    rank: NDArray[np.int64]
    ties: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    bins: NDArray[np.int64]
    provenance: Provenance
    h_low: NDArray[np.float64] | None = None
    h_high: NDArray[np.float64] | None = None
    taylor: NDArray[np.float64] | None = None
    mas: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.h)

    @property
    def layers(self) -> tuple[str, ...]:
        """Layer names in net order."""
        return tuple(dict.fromkeys(self.layer.tolist()))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that this table has."""
        return tuple(name for name in (*COLUMNS, *OPTIONAL_COLUMNS) if getattr(self, name) is not None)

    def of_layer(self, name: str) -> dict[str, NDArray[Any]]:
        """Columns of one layer's filters, each (units,), in the order of the filters; KeyError for an unknown name."""
        if name not in self.layers:
            raise KeyError(name)
        rows = self.layer == name
        return {column: getattr(self, column)[rows] for column in self.columns}

    def to_csv(self) -> str:
        """Give the table as CSV text: one row per filter, the provenance as JSON in the last cell of the first.

        Numbers are written with every digit that a float64 needs, so that reading gives back the same table.
        """
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*self.columns, "provenance"])
        columns = [getattr(self, name).tolist() for name in self.columns]
        for number, row in enumerate(zip(*columns, strict=True)):
            cells = [int(value) if isinstance(value, bool) else value for value in row]
            writer.writerow([*cells, self.provenance.to_json() if number == 0 else ""])
        return out.getvalue()

    def write_csv(self, path: Path | str) -> None:
        """Write `to_csv` to a file."""
        atomic.write_text(path, self.to_csv())


def _flag(cell: str) -> bool:
    return bool(int(cell))


COLUMNS: dict[str, Callable[[str], Any]] = {
    "layer": str,
    "index": int,
    "h": float,
    "h_miller_madow": float,
    "h_relative": float,
    "mean": float,
    "std": float,
    "zeros": float,
    "dead": _flag,
    "rank": int,
    "ties": int,
    "low": float,
    "high": float,
    "bins": int,
}
# Only in tables that were measured with confidence intervals, or from a scan with importance.
OPTIONAL_COLUMNS: dict[str, Callable[[str], Any]] = dict.fromkeys(("h_low", "h_high", *IMPORTANCE), float)
