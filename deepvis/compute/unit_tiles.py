"""Pictures of units as tiles of one picture, which fills while they are read."""

from __future__ import annotations

import time

import cv2
import numpy as np
from numpy.typing import NDArray

from deepvis.compute.colour import BACKGROUND
from deepvis.compute.tiles import TileLayout
from deepvis.state.net_info import Grid

Pixels = NDArray[np.uint8]
_LARGEST = 2400  # pixels a side that the whole picture has, about
_SIDES = (30, 120)  # least and greatest side of a tile


def tile_layout(grid: Grid) -> TileLayout:
    """Square tiles, as large as is sensible for so many units."""
    side = int(np.clip(_LARGEST // max(grid.rows, grid.columns), *_SIDES))
    return TileLayout(grid, side, side, 1, 2)


def empty_canvas(layout: TileLayout) -> Pixels:
    """RGBA picture of the whole grid, before there is anything in it."""
    return np.broadcast_to(np.array(BACKGROUND, np.uint8), (*layout.shape, 4)).copy()


def draw_pictures(canvas: Pixels, layout: TileLayout, unit: int, pictures: list[Pixels]) -> None:
    """Draw the pictures of a unit into its tile: one, or as many rows as columns of them.

    Parameters
    ----------
    canvas : of `empty_canvas`; changed.
    pictures : (h, w, 3) RGB each, drawn as large as fits, their shape kept.
    """
    left, top, width, height = layout.box(unit)
    across = int(np.ceil(np.sqrt(len(pictures))))
    gap = int(across > 1)  # pixel between two pictures
    for number, picture in enumerate(pictures):
        row, column = divmod(number, across)
        y0, y1 = top + row * height // across, top + (row + 1) * height // across - gap
        x0, x1 = left + column * width // across, left + (column + 1) * width // across - gap
        _draw_inside(canvas[y0:y1, x0:x1], picture)


def draw_arrays(canvas: Pixels, layout: TileLayout, pictures: Pixels) -> None:
    """Draw one (h, w, 4) RGBA picture for every unit, no larger than a tile, at the tile's top left."""
    for unit in layout.grid.shown:
        picture = pictures[unit]
        left, top, _, _ = layout.box(unit)
        canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture


def _draw_inside(place: Pixels, picture: Pixels) -> None:
    factor = min(place.shape[0] / picture.shape[0], place.shape[1] / picture.shape[1])
    height, width = (max(1, int(length * factor)) for length in picture.shape[:2])
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST
    top, left = (place.shape[0] - height) // 2, (place.shape[1] - width) // 2
    place[top : top + height, left : left + width, :3] = cv2.resize(picture, (width, height), interpolation=how)


class Pace:
    """Says when it is time to show what is there: soon at first, then more and more seldom.

    Parameters
    ----------
    first, last : seconds between two times, at the beginning and at the end.
    """

    def __init__(self, first: float = 0.1, last: float = 1.0) -> None:
        self._wait, self._last = first, last
        self._next = time.perf_counter() + first

    def due(self) -> bool:
        """Whether the time has come."""
        now = time.perf_counter()
        if now < self._next:
            return False
        self._wait = min(self._last, 1.5 * self._wait)
        self._next = now + self._wait
        return True
