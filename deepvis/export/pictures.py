"""Patches and gradients as small pictures of one size, and blocks of them."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, isqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from deepvis.compute.back_views import norm, raw_colours
from deepvis.palette import GROUND, rgb

SATURATED = 0.01

Pixels = NDArray[np.uint8]
Array = NDArray[np.float32]


def back_colours(gradient: Array, channel_order: str) -> Pixels:
    """Draw a (C, h, w) gradient about middle grey; gives (h, w, 3) uint8 RGB.

    The strongest `SATURATED` of its values have full colour: a few peaks would leave the rest invisible.
    """
    reach = float(np.quantile(np.abs(gradient), 1 - SATURATED)) if gradient.size else 0.0
    gradient = gradient.clip(-reach, reach) if reach > 0 else gradient
    return np.ascontiguousarray(raw_colours(gradient, 2 if channel_order == "BGR" else 0)[:, :, :3])


def back_length(gradient: Array, channel_order: str) -> Pixels:
    """Draw the length over the channels of a (C, h, w) gradient, black for zero; gives (h, w, 3) uint8 grey."""
    lengths = norm(gradient)
    reach = float(lengths.max(initial=0))
    grey = np.rint(lengths * (255 / reach if reach > 0 else 0)).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, 2)


BACK_PICTURES: dict[str, Callable[[Array, str], Pixels]] = {"": back_colours, "norm": back_length}
"""Ways to draw what back-propagation brought, by the ending that the older tools give to their names."""


def fit(picture: Pixels, size: int) -> Pixels:
    """Put a picture into a square, its shape kept; pixels that grow to twice their size or more stay sharp squares.

    Parameters
    ----------
    picture : (h, w, 3) uint8.
    size : side of the square.

    Returns
    -------
    (size, size, 3) uint8; what the picture leaves over has the ground's colour.
    """
    height, width = picture.shape[:2]
    scale = size / max(height, width)
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST if scale >= 2 else cv2.INTER_LINEAR
    resized = cv2.resize(picture, shape, interpolation=how)
    square = np.full((size, size, 3), rgb(GROUND), np.uint8)
    top, left = (size - shape[1]) // 2, (size - shape[0]) // 2
    square[top : top + shape[1], left : left + shape[0]] = resized
    return square


class Blocks:
    """For every unit of a layer a block of its patches, strongest first, row by row.

    Parameters
    ----------
    units : number of units.
    count : patches per unit.
    size : side of a patch.
    """

    GAP = 2

    def __init__(self, units: int, count: int, size: int) -> None:
        self.size = size
        self.columns = isqrt(max(count - 1, 0)) + 1
        self.rows = ceil(count / self.columns)
        shape = (self._length(self.rows), self._length(self.columns))
        self.pixels = np.full((units, *shape, 3), rgb(GROUND), np.uint8)

    def _length(self, cells: int) -> int:
        return cells * (self.size + self.GAP) - self.GAP

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a block."""
        return self.pixels.shape[1], self.pixels.shape[2]

    def put(self, unit: int, rank: int, picture: Pixels) -> None:
        """Put the ``rank``-th patch of a unit, of any size, into its place."""
        row, column = divmod(rank, self.columns)
        top, left = row * (self.size + self.GAP), column * (self.size + self.GAP)
        self.pixels[unit, top : top + self.size, left : left + self.size] = fit(picture, self.size)

    @staticmethod
    def bytes_for(units: int, count: int, size: int) -> int:
        """Memory that the blocks of a layer take."""
        side = isqrt(max(count - 1, 0)) + 1
        return units * ceil(count / side) * side * (size + Blocks.GAP) ** 2 * 3


def tile(blocks: NDArray[np.uint8], columns: int, gap: int) -> Pixels:
    """Lay (N, h, w, 3) blocks out row by row, ``columns`` of them in a row, ``gap`` pixels between and around."""
    count, height, width, _ = blocks.shape
    rows = ceil(count / columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), rgb(GROUND), np.uint8)
    for number, block in enumerate(blocks):
        row, column = divmod(number, columns)
        top, left = gap + row * (height + gap), gap + column * (width + gap)
        sheet[top : top + height, left : left + width] = block
    return sheet
