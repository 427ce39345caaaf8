"""Every unit by pictures of its own: those that drive it most, or those made to drive it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.facts import PATCHES
from deepvis.compute.unit_tiles import Pace, draw_pictures, empty_canvas, tile_layout
from deepvis.controllers.contents import GridContent
from deepvis.controllers.layer_views.registry import layer_view
from deepvis.controllers.sources import Sources
from deepvis.export.unit_folders import SYNTHESISED, UnitPicture, UnitPictures
from deepvis.scan.reader import Scan
from deepvis.state.resolve import DisplayState
from deepvis.synthesis.folder import kept_pictures

Pixels = NDArray[np.uint8]
NOTHING_SYNTHESISED = (
    "No synthesised images of this layer: Compute › Synthesise this unit makes one, `deepvis synthesise` many;"
    " `unit_pictures` names a folder of others"
)
PicturesOf = Callable[[int], list[Pixels]]


@layer_view("maximal images", follows=("first_only",))
def show_maximal_images(state: DisplayState, sources: Sources) -> Iterator[GridContent]:
    """The pictures that drive each unit most: of the scan, or else of an older toolbox's folder."""
    layer, count = state.layer.name, 1 if state.first_only else PATCHES
    facts, folder = sources.session.facts, sources.session.unit_pictures
    if facts is not None and facts.read(lambda scan: layer in scan.layers):

        def patches(unit: int) -> list[Pixels]:
            return facts.read(lambda scan: _patches(scan, layer, unit, count))

        yield from _fill(state, patches, "what each unit saw in the pictures that drive it most, in their own pixels")
    elif folder is not None and layer in folder.layers:
        yield from _fill(state, _from_folder(folder, layer, "maxim", count), f"maximal images of {folder.folder.name}")
    else:
        yield GridContent(missing=_missing(state, sources.session.facts_missing))


@layer_view("synthesised images", follows=("first_only",))
def show_synthesised_images(state: DisplayState, sources: Sources) -> Iterator[GridContent]:
    """The pictures that were made to drive each unit."""
    layer, count = state.layer.name, 1 if state.first_only else PATCHES
    kept = kept_pictures(sources.session.engine.model)
    folders = [one for one in (kept, sources.session.unit_pictures) if one is not None and layer in one.layers]
    if not folders:
        yield GridContent(missing=_missing(state, NOTHING_SYNTHESISED))
        return
    readers = [_from_folder(folder, layer, SYNTHESISED, count) for folder in folders]
    names = ["made here" if one is kept else f"of {one.folder.name}" for one in folders]

    def pictures_of(unit: int) -> list[Pixels]:
        return [picture for read in readers for picture in read(unit)][:count]

    yield from _fill(state, pictures_of, f"synthesised images {' and '.join(names)}")


def _fill(state: DisplayState, pictures_of: PicturesOf, note: str) -> Iterator[GridContent]:
    """Draw unit by unit; what is there is shown from time to time.

    The canvas is not copied: what is drawn into it later belongs to the same picture.
    """
    layout, pace, units = tile_layout(state.grid), Pace(), state.grid.units
    canvas = empty_canvas(layout)
    for number, unit in enumerate(state.grid.shown):
        if pictures := pictures_of(unit):
            draw_pictures(canvas, layout, unit, pictures)
        if pace.due():
            yield GridContent(canvas, layout, note=f"{note} ({number + 1} of {units} units read)", smooth=True)
    yield GridContent(canvas, layout, note=note, smooth=True)


def _patches(scan: Scan, layer: str, unit: int, count: int) -> list[Pixels]:
    return [scan.patch(layer, unit, rank) for rank in range(min(count, len(scan.top(layer, unit))))]


def _from_folder(folder: UnitPictures, layer: str, kind: str, count: int) -> PicturesOf:
    def read(unit: int) -> list[Pixels]:
        found = folder.pictures(layer, unit, kind)[:count]
        return [_picture(picture, first_only=count == 1) for picture in found]

    return read


def _picture(picture: UnitPicture, first_only: bool) -> Pixels:
    """The picture; of a montage of four, the lower left one, which Yosinski's toolbox takes for a single one."""
    pixels = picture.read()
    if picture.montage and first_only and picture.kind == "opt":
        height, width = pixels.shape[:2]
        return pixels[height // 2 :, : width // 2]
    return pixels


def _missing(state: DisplayState, words: str) -> str:
    return words if state.layer.has_filters else f"{state.layer.name} ({state.layer.type}) has no units of its own"
