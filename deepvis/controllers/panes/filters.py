"""The filters of the layer as pictures, and those of the selected unit input by input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.colour import DIVERGING, colourise, scale_for
from deepvis.compute.filter_images import FilterImages, drawing_filters
from deepvis.compute.tiles import TileLayout, compose_grid
from deepvis.compute.unit_tiles import draw_arrays, empty_canvas
from deepvis.controllers.contents import GridContent
from deepvis.controllers.panes.registry import pane
from deepvis.controllers.sources import Sources
from deepvis.state.net_info import Grid
from deepvis.state.resolve import DisplayState


class FilterLayout(TileLayout):
    """Tiles of the units that the middle shows, in its order but in a grid of the pane's own shape."""

    def fits(self, grid: Grid) -> bool:
        """Whether the same units are shown."""
        return self.grid.shown == grid.shown


class KernelLayout(TileLayout):
    """The tiles of one unit, one for each input; none of them is a unit of the layer."""

    def fits(self, grid: Grid) -> bool:
        """Never: no tile is framed."""
        return False

    def words(self, hit: tuple[int, int, int], values: NDArray[np.floating] | None) -> str:
        """Such as ``input 5 (0, 2): -0.0312``."""
        return super().words(hit, values).replace("unit", "input", 1)


@dataclass(frozen=True, eq=False)
class FiltersContent:
    """The filters of a layer, or what is missing.

    Parameters
    ----------
    layer : its name.
    images : of all of its units.
    captions : what to say of each unit.
    missing : what is missing and why.
    """

    layer: str = ""
    images: FilterImages | None = None
    captions: tuple[str, ...] = ()
    missing: str = ""

    def all_units(self, aspect: float, order: tuple[int, ...] = ()) -> GridContent:
        """Every filter, or those of ``order``, for a pane that is ``aspect`` times as wide as high."""
        if self.images is None:
            return GridContent(missing=self.missing)
        pixels = self.images.pixels
        units, height, width = pixels.shape[:3]
        layout = FilterLayout.of(Grid.of(len(order) or units, aspect * height / width, order), height, width)
        canvas = empty_canvas(layout)
        draw_arrays(canvas, layout, _enlarged(pixels, layout.zoom))
        note = f"{self.layer}: {self.images.what}; grey is 0, full colour ±{self.images.reach:.3g}"
        return GridContent(canvas, layout, note=note, captions=self.captions)

    def one_unit(self, unit: int, aspect: float) -> GridContent:
        """The filter of one unit, a tile for each input channel, for a pane of that shape."""
        if self.images is None or unit >= len(self.images.kernels):
            return GridContent(missing=self.missing)
        kernel = self.images.kernels[unit]
        inputs, height, width = kernel.shape
        layout = KernelLayout.of(Grid.of(inputs, aspect * height / width), height, width)
        reach = float(np.abs(kernel).max()) or 1.0
        scale = scale_for(-reach, reach, DIVERGING)
        pixels = colourise(compose_grid(kernel, layout), scale)
        note = f"{self.layer}:{unit}, {inputs} inputs"
        return GridContent(pixels, layout, kernel, scale, note)


@pane("filters", "Filters of the layer", follows=("layer",), height=260)
def make_filters(state: DisplayState, sources: Sources) -> Iterator[FiltersContent]:
    """The filters of the layer; of those that need principal components how far they are."""
    layer = state.layer.name
    if not state.layer.has_filters:
        yield FiltersContent(layer, missing=f"{layer} ({state.layer.type}) has no filters of its own")
        return
    work = drawing_filters(sources.session.engine.model, layer)
    while True:
        try:
            progress = next(work)
        except StopIteration as stop:
            yield FiltersContent(layer, stop.value, _captions(stop.value))
            return
        if progress.done:
            yield FiltersContent(layer, missing=f"{progress.what}: {progress.done / progress.total:.0%}")


def _captions(images: FilterImages) -> tuple[str, ...]:
    """Range and length of every unit's weights."""
    rows = images.kernels.reshape(len(images.kernels), -1)
    numbers = zip(rows.min(1), rows.max(1), np.linalg.norm(rows, axis=1), strict=True)
    return tuple(f" weights {low:.3g} to {high:.3g}, length {length:.3g}" for low, high, length in numbers)


def _enlarged(pixels: NDArray[np.uint8], zoom: int) -> NDArray[np.uint8]:
    """(C, h, w, 3) RGB as RGBA, every pixel as a square of ``zoom`` pixels."""
    opaque = np.concatenate([pixels, np.full((*pixels.shape[:3], 1), 255, np.uint8)], -1)
    return opaque.repeat(zoom, axis=1).repeat(zoom, axis=2) if zoom > 1 else opaque
