"""A histogram for every unit: of its weights, or of its maxima over the scanned pictures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.bars import BINS, draw_bars, equal_bins, zero_bin
from deepvis.compute.filters import unit_biases, unit_filters
from deepvis.compute.tiles import TileLayout
from deepvis.compute.unit_tiles import draw_arrays, empty_canvas
from deepvis.controllers.contents import GridContent
from deepvis.controllers.layer_views.registry import layer_view
from deepvis.controllers.sources import Sources
from deepvis.scan.reader import Scan
from deepvis.state.resolve import DisplayState
from entropy.errors import ScanError

_ROWS = 40  # pixels, height of a histogram


@layer_view("weight histograms")
def show_weight_histograms(state: DisplayState, sources: Sources) -> Iterator[GridContent]:
    """The weights of each unit, in bins that the layer shares."""
    layer, model = state.layer.name, sources.session.engine.model
    if not state.layer.has_filters:
        yield GridContent(missing=f"{layer} ({state.layer.type}) has no weights of its own units")
        return
    rows = unit_filters(model, layer)
    rows = rows.reshape(len(rows), -1)
    biases = unit_biases(model, layer)
    captions = tuple(
        f"weights {mean:.3g} ± {spread:.3g}" + ("" if biases is None else f", bias {biases[unit]:.3g}")
        for unit, (mean, spread) in enumerate(zip(rows.mean(1), rows.std(1), strict=True))
    )
    counts, low, high = equal_bins(rows)
    yield _content(state, counts, low, high, f"weights from {low:.3g} to {high:.3g}; red: the bin of 0", captions)


@layer_view("activation histograms")
def show_activation_histograms(state: DisplayState, sources: Sources) -> Iterator[GridContent]:
    """The maxima of each unit over the scanned pictures; the bin of 0 is red: there the unit is silent."""
    layer, facts = state.layer.name, sources.session.facts
    if facts is None or not facts.read(lambda scan: layer in scan.layers):
        yield GridContent(missing=sources.session.facts_missing if facts is None else f"The scan leaves {layer} out")
        return
    what, rows = facts.read(lambda scan: scanned_activations(scan, layer))
    counts, low, high = equal_bins(rows)
    silent = (rows <= 0).mean(1)
    captions = tuple(f"silent on {share:.0%} of {rows.shape[1]} pictures" for share in silent)
    note = (
        f"{what} of {rows.shape[1]} pictures from {low:.3g} to {high:.3g}, height log(1 + pictures); red: the bin of 0"
    )
    yield _content(state, np.log1p(counts), low, high, note, captions)


def scanned_activations(scan: Scan, layer: str) -> tuple[str, NDArray[np.float32]]:
    """What a scan keeps of every picture: maxima, or means where it keeps no maxima.

    Returns
    -------
    A word for it, and (C, N) of the N pictures that could be read.
    """
    try:
        what, table = "maxima", scan.maxima(layer)
    except ScanError:
        what, table = "means", scan.means(layer)
    return what, np.ascontiguousarray(table[np.isfinite(table).all(1)].T)


def _content(
    state: DisplayState, heights: NDArray, low: float, high: float, note: str, captions: tuple[str, ...]
) -> GridContent:
    layout = TileLayout(state.grid, _ROWS, BINS, 1, 2)
    canvas = empty_canvas(layout)
    draw_arrays(canvas, layout, draw_bars(heights, _ROWS, 1, zero_bin(low, high, BINS)))
    return GridContent(canvas, layout, note=note, captions=captions, smooth=True)
