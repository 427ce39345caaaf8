"""What a threshold of H would free and freeze, layer by layer, and the plan of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.filter_table import FilterTable
from deepvis.controllers.panes.registry import pane
from deepvis.controllers.sources import Sources
from deepvis.controllers.tasks import Task
from deepvis.state.resolve import DisplayState
from entropy.planning.transfer import TRANSFER
from prototxt.common.errors import InputError
from prototxt.common.progress import Progress

METHOD = 1
"""Of the saved plan: the three hard methods differ in the share that they are solved for, not in what they do."""


@dataclass(frozen=True, eq=False)
class LayerThreshold:
    """One layer: ``bits`` (C,) is H of its units in their order, ``free`` (C,) whether the threshold frees them."""

    name: str
    bits: NDArray[np.float64]
    free: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ThresholdsContent:
    """All filters against one threshold, or what is missing.

    Parameters
    ----------
    threshold : in bits; below it filters are free.
    most : the greatest H that there could be.
    layers : in the order of the net.
    presets : thresholds of the three hard methods, by name.
    """

    threshold: float = 0.0
    most: float = 1.0
    layers: tuple[LayerThreshold, ...] = ()
    presets: tuple[tuple[str, float], ...] = ()
    missing: str = ""

    @property
    def words(self) -> str:
        """How many filters are free and frozen."""
        free, filters = (sum(int(each) for each in counts) for counts in self._counts)
        return (
            f"H < {self.threshold:.3f} bit: {free} of {filters} filters free ({free / filters:.1%}), "
            f"{filters - free} frozen ({1 - free / filters:.1%})"
        )

    @property
    def _counts(self) -> tuple[list[int], list[int]]:
        return [int(layer.free.sum()) for layer in self.layers], [len(layer.free) for layer in self.layers]


@pane("thresholds", "Threshold of H", follows=("threshold",))
def make_thresholds(state: DisplayState, sources: Sources) -> Iterator[ThresholdsContent]:
    """Put every filter on its side of the threshold."""
    facts = sources.session.facts
    if facts is None:
        yield ThresholdsContent(missing=sources.session.facts_missing)
        return
    try:
        table, filters = facts.filters.table, facts.filters
        threshold = state.threshold if state.threshold is not None else filters.usual_threshold
    except InputError as error:
        yield ThresholdsContent(missing=str(error))
        return
    free = TRANSFER[METHOD].function(table.h, np.array(threshold)) > 0
    layers = tuple(
        LayerThreshold(name, table.h[table.layer == name], free[table.layer == name]) for name in table.layers
    )
    presets = tuple((f"M{method}", _threshold(filters, method)) for method in TRANSFER if TRANSFER[method].hard)
    yield ThresholdsContent(threshold, float(np.log2(table.bins.max())), layers, presets)


def _threshold(filters: FilterTable, method: int) -> float:
    threshold = filters.plan(method).threshold
    assert threshold is not None, "the method is hard"
    return threshold


def saving_plan(filters: FilterTable, threshold: float, path: Path, done: Callable[[str], None]) -> Task:
    """Work that writes what ``python -m entropy plan TABLE --method 1 --threshold …`` writes."""

    def work() -> Generator[Progress, None, str]:
        yield Progress(0, 1, f"plan {path.name}")
        plan = filters.plan(METHOD, threshold)
        plan.write(path)
        return f"{path.name}: {plan.share_free:.1%} free; next: python -m entropy write {path.name}"

    return Task(f"Plan {path.name}", work(), done)
