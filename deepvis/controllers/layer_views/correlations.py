"""How alike the units of a layer are: correlation of their weights, or of their activations on the scanned pictures."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.colour import DIVERGING, ColourScale, colourise
from deepvis.compute.filters import unit_filters
from deepvis.compute.matrix import ROWS, MatrixLayout, correlating, order_by_likeness
from deepvis.controllers.contents import GridContent
from deepvis.controllers.layer_views.registry import layer_view
from deepvis.controllers.sources import Sources
from deepvis.scan.reader import Scan
from deepvis.state.resolve import DisplayState
from entropy.errors import ScanError

Array = NDArray[np.float32]
_SCALE = ColourScale(-1.0, 1.0, DIVERGING)


@layer_view("weight correlation")
def show_weight_correlation(state: DisplayState, sources: Sources) -> Iterator[GridContent]:
    """Correlation of the units' weights."""
    layer = state.layer.name
    if not state.layer.has_filters:
        yield GridContent(missing=f"{layer} ({state.layer.type}) has no weights of its own units")
        return
    rows = unit_filters(sources.session.engine.model, layer)
    rows = rows.reshape(len(rows), -1)
    yield from _draw((yield from _collect(correlating(rows), len(rows))), f"correlation of {rows.shape[1]} weights")


@layer_view("activation correlation")
def show_activation_correlation(state: DisplayState, sources: Sources) -> Iterator[GridContent]:
    """Correlation of the units' mean activations over the scanned pictures."""
    layer, facts = state.layer.name, sources.session.facts
    if facts is None or not facts.read(lambda scan: layer in scan.layers):
        yield GridContent(missing=sources.session.facts_missing if facts is None else f"The scan leaves {layer} out")
        return
    matrix, means = facts.read(lambda scan: _of_scan(scan, layer))
    if matrix is None:
        matrix = yield from _collect(correlating(means), len(means))
    yield from _draw(matrix, "correlation of mean activations over the scanned pictures")


def _of_scan(scan: Scan, layer: str) -> tuple[Array | None, Array]:
    """The correlations that a scan keeps, or else None and the (C, N) means to make them from."""
    try:
        return scan.correlation(layer), np.empty((0, 0), np.float32)
    except ScanError:
        means = scan.means(layer)
        return None, np.ascontiguousarray(means[np.isfinite(means).all(1)].T)


def _collect(parts: Iterator[Array], units: int) -> Generator[GridContent, None, Array]:
    """Put the rows of a matrix together; yields how far it is and returns it."""
    matrix, done = np.empty((units, units), np.float32), 0
    for part in parts:
        matrix[done : done + len(part)] = part
        done += len(part)
        if done < units:
            yield GridContent(missing=f"Correlating: {done} of {units} units")
    return matrix


def _draw(matrix: Array, note: str) -> Iterator[GridContent]:
    """Colour the matrix in the order of likeness, some rows at a time so that little memory is taken."""
    layout = MatrixLayout(order_by_likeness(matrix))
    yield GridContent(missing="Colouring")
    ordered = np.empty_like(matrix)
    pixels = np.empty((*matrix.shape, 4), np.uint8)
    for start in range(0, len(matrix), ROWS):
        part = ordered[start : start + ROWS] = matrix[np.ix_(layout.order[start : start + ROWS], layout.order)]
        pixels[start : start + ROWS] = colourise(part, _SCALE)
        yield GridContent(missing=f"Colouring: {min(start + ROWS, len(matrix))} of {len(matrix)} units")
    if layout.zoom > 1:
        pixels = pixels.repeat(layout.zoom, axis=0).repeat(layout.zoom, axis=1)
    note = f"{note}; alike units are neighbours, the row of the selected unit is framed"
    yield GridContent(pixels, layout, ordered, _SCALE, note)
