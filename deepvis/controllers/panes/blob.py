"""Any blob of the net, in-place versions and parameters too: as picture, histogram or numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.bars import BINS
from deepvis.compute.blob_view import Statistics, clamped, drawn_steps, histogram, plane_axes, plane_of, statistics
from deepvis.compute.colour import colourise, scale_for
from deepvis.compute.tiles import TileLayout, compose_grid
from deepvis.controllers.contents import GridContent
from deepvis.controllers.panes.histograms import Histogram
from deepvis.controllers.panes.registry import pane
from deepvis.controllers.sources import Sources
from deepvis.model.model import Model
from deepvis.state.net_info import Grid
from deepvis.state.options import BlobView
from deepvis.state.resolve import DisplayState

Array = NDArray[np.floating]


@dataclass(frozen=True)
class PlaneLayout(TileLayout):
    """One plane of a blob, or every which row and column of it.

    Parameters
    ----------
    steps : rows and columns from one that is drawn to the next.
    """

    steps: tuple[int, int] = (1, 1)

    def fits(self, grid: Grid) -> bool:
        """Never: nothing of it is a unit."""
        return False

    def words(self, hit: tuple[int, int, int], values: NDArray[np.floating] | None) -> str:
        """Such as ``(3, 17): 0.25``, with the row and column of the blob."""
        _, row, column = hit
        value = np.nan if values is None else values.reshape(self.height, self.width)[row, column]
        return f"({row * self.steps[0]}, {column * self.steps[1]}): {value:.6g}"


class VectorLayout(TileLayout):
    """The numbers of a vector, folded into rows."""

    def fits(self, grid: Grid) -> bool:
        """Never: nothing of it is a unit."""
        return False

    def words(self, hit: tuple[int, int, int], values: NDArray[np.floating] | None) -> str:
        """Such as ``(17): 0.25``."""
        return f"({hit[0]}): {np.nan if values is None else values[hit[0]]:.6g}"


@dataclass(frozen=True, eq=False)
class BlobContent:
    """A blob, or what is missing.

    Parameters
    ----------
    name, names : the blob, and all that there are.
    shape : of the whole blob.
    axes : those that are rows and columns; at : the index along every axis.
    view : how it is shown.
    statistics : of the whole blob.
    plane : (rows, columns), what is shown as picture or numbers.
    picture, bars : for the view that is chosen; else empty.
    missing : what is missing and what to do.
    """

    name: str
    names: tuple[str, ...]
    shape: tuple[int, ...] = ()
    axes: tuple[int, ...] = ()
    at: tuple[int, ...] = ()
    view: BlobView = "picture"
    statistics: Statistics | None = None
    plane: Array | None = None
    picture: GridContent | None = None
    bars: Histogram | None = None
    missing: str = ""

    @property
    def words(self) -> str:
        """Shape and statistics in a line."""
        if self.statistics is None:
            return self.missing
        return f"{' × '.join(map(str, self.shape)) or 'a single number'} · {self.statistics.words}"


def blob_names(model: Model) -> tuple[str, ...]:
    """Every value of the net, ``conv1@1`` for the first time that ``conv1`` was overwritten, and every parameter."""
    values = tuple(str(value) for value in model.graph.values)
    layers = (node.name for node in model.graph.layers if node.name in model.weights)
    return values + tuple(f"{name}.blobs[{place}]" for name in layers for place in range(len(model.weights[name])))


@pane(
    "blob",
    "Any blob",
    follows=("layer", "unit", "value", "blobs", "colours"),
    live=True,
    lane="net",
    height=260,
)
def make_blob(state: DisplayState, sources: Sources) -> Iterator[BlobContent]:
    """The blob that the state names, without a name or with one that the net has not, the layer's own."""
    model = sources.session.engine.model
    names = blob_names(model)
    follows = state.blob not in names
    name = str(state.value) if follows else state.blob
    array = _find(name, sources)
    if array is None:
        missing = "Waiting for the net" if sources.session.images is not None else "No picture to show: open some"
        yield BlobContent(name, names, view=state.blob_view, missing=missing)
        return
    # The unit that is selected is the plane at first, where the blob is that of the layer.
    unit_axis = model.layout(state.value).unit_axis if follows else -1
    start = [state.unit if axis == unit_axis else 0 for axis in range(array.ndim)]
    at = clamped(state.blob_at or start, array.shape)
    axes = plane_axes(array.ndim, state.blob_axes)
    plane = plane_of(array, axes, at)
    known = statistics(array)
    yield BlobContent(
        name,
        names,
        array.shape,
        axes,
        at,
        state.blob_view,
        known,
        plane,
        _picture(state, plane, known) if state.blob_view == "picture" and plane.size else None,
        _bars(name, array, known) if state.blob_view == "histogram" else None,
    )


def _find(name: str, sources: Sources) -> Array | None:
    """The numbers of a value or a parameter; None for a value before there is a picture."""
    engine = sources.session.engine
    layer, _, place = name.removesuffix("]").rpartition(".blobs[")
    if layer in engine.model.weights and place.isdigit():
        return np.asarray(engine.model.weights[layer][int(place)])
    if sources.activations is None:
        return None
    value = next(value for value in engine.model.graph.values if str(value) == name)
    return engine.read(sources.activations, value)


def _picture(state: DisplayState, plane: Array, known: Statistics) -> GridContent:
    """The plane in the colours of the grid; the scale is that of the whole blob."""
    scale = scale_for(known.low, known.high, state.colormap, state.gamma)
    if len(plane) == 1:
        folded = VectorLayout.of(Grid.of(plane.size, 4.0), 1, 1)
        values = np.asarray(plane[0], np.float32)
        return GridContent(colourise(compose_grid(values, folded), scale), folded, values, scale, "row by row")
    down, right = drawn_steps(plane)
    drawn = np.asarray(plane[::down, ::right], np.float32)
    height, width = drawn.shape
    layout = PlaneLayout(Grid(1, 1, 1), height, width, zoom=1, line=0, steps=(down, right))
    note = "scale of the whole blob"
    if max(down, right) > 1:
        note += f"; every {down}th row and {right}th column is drawn"
    return GridContent(colourise(drawn, scale), layout, drawn[None], scale, note)


def _bars(name: str, array: Array, known: Statistics) -> Histogram:
    return Histogram(f"{name}: {array.size:,} numbers in {BINS} bins", *histogram(array, known, BINS))
