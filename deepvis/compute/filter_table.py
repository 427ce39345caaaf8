"""H of every filter and the multipliers that follow from it: the numbers of ``python -m entropy measure | plan``."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import entropy
from entropy.measuring.measurement import few_images
from entropy.planning.transfer import TRANSFER

SETTINGS = ("bins", "quantile", "width", "scope", "after")
"""What a plan says of how H was measured, by the names that `entropy.measure` takes."""


class FilterTable:
    """The table of a scan's filters and plans made from it, each made once; any thread may ask.

    Parameters
    ----------
    scan : the scan.h5.
    layers : whose filters; by default those of every convolution.
    settings : of `entropy.measure`, by the names of `SETTINGS`; those of the plan, where there is one.
    """

    def __init__(self, scan: Path, layers: Sequence[str] | None = None, **settings: Any) -> None:
        self._scan = scan
        self._layers = layers
        self._settings = settings
        self._lock = threading.RLock()
        self._table: entropy.Table | None = None
        self._plan = lru_cache(maxsize=16)(self._make_plan)

    @property
    def table(self) -> entropy.Table:
        """What ``python -m entropy measure`` gives; a `ScanError` where the scan holds no convolutions or means."""
        with self._lock:
            if self._table is None:
                self._table = entropy.measure(self._scan, self._layers, warn=False, **self._settings)
            return self._table

    @property
    def note(self) -> str:
        """What to think of when reading H: too few images; empty for nothing."""
        return few_images(self.table.provenance.images, int(self.table.bins.max()))

    def plan(self, method: int, threshold: float | None = None) -> entropy.Plan:
        """What ``python -m entropy plan --method`` gives; a hard method without a threshold solves for its share."""
        with self._lock:
            return self._plan(method, threshold)

    @property
    def plans(self) -> dict[int, entropy.Plan]:
        """The plan of each of the six methods, as they are without further wishes."""
        return {method: self.plan(method) for method in TRANSFER}

    @property
    def usual_threshold(self) -> float:
        """In bits, that of the thesis's second method, which loses least on both tasks together."""
        threshold = self.plan(2).threshold
        assert threshold is not None, "method 2 is hard"
        return threshold

    def _make_plan(self, method: int, threshold: float | None) -> entropy.Plan:
        return entropy.plan(self.table, method, threshold=threshold)
