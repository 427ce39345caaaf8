"""The layer as a whole: its weights and biases, those of the selected unit, and how often its units are silent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.bars import BINS, equal_bins
from deepvis.compute.filters import unit_biases, unit_filters
from deepvis.controllers.layer_views.histograms import scanned_activations
from deepvis.controllers.panes.registry import pane
from deepvis.controllers.sources import Sources
from deepvis.state.resolve import DisplayState


@dataclass(frozen=True, eq=False)
class Histogram:
    """One histogram.

    Parameters
    ----------
    title : what is counted.
    counts : (bins,).
    low, high : ends of the range; the bins are equally wide.
    """

    title: str
    counts: NDArray[np.int64]
    low: float
    high: float


@dataclass(frozen=True)
class HistogramsContent:
    """Histograms side by side, or what is missing."""

    histograms: tuple[Histogram, ...] = ()
    missing: str = ""


@pane("histograms", "Histograms of the layer")
def make_histograms(state: DisplayState, sources: Sources) -> Iterator[HistogramsContent]:
    """Weights and biases of the layer, weights of the unit, and the share of pictures on which its units are silent."""
    layer, model, facts = state.layer.name, sources.session.engine.model, sources.session.facts
    if not state.layer.has_filters:
        yield HistogramsContent(missing=f"{layer} ({state.layer.type}) has no weights")
        return
    filters = unit_filters(model, layer)
    found = [
        _histogram(f"weights of {layer}", filters),
        _histogram(f"weights of {state.unit_text}", filters[state.unit]),
    ]
    biases = unit_biases(model, layer)
    if biases is not None:
        found.append(_histogram(f"biases of {layer}", biases))
    if facts is not None and facts.read(lambda scan: layer in scan.layers):
        _, rows = facts.read(lambda scan: scanned_activations(scan, layer))
        silent = (rows <= 0).mean(1)
        counts, _ = np.histogram(silent, BINS, (0, 1))
        found.append(
            Histogram(f"share of pictures on which a unit is silent ({(silent == 1).sum()} dead)", counts, 0, 1)
        )
    yield HistogramsContent(tuple(found))


def _histogram(title: str, values: NDArray[np.floating]) -> Histogram:
    counts, low, high = equal_bins(values.reshape(1, -1))
    return Histogram(f"{title} ({values.size})", counts[0], low, high)
