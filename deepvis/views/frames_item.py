"""Coloured frames around all units of the grid, as one item of its scene."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter, QPen

from deepvis.compute.frames import UnitFrames
from deepvis.compute.tiles import Layout
from deepvis.state.resolve import DisplayState

WIDTH = 2  # pixels of the screen


class FramesItem(pg.GraphicsObject):
    """Draws a `UnitFrames`; its frames lie just within the units' tiles."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[tuple[tuple[int, int, int, int], list[QRectF]]] = []
        """Of every colour that occurs, the tiles that have it."""
        self._area = QRectF()

    def show(self, layout: Layout | None, state: DisplayState | None, frames: UnitFrames) -> None:
        """Draw these from now on; nothing where there is no layout, or it belongs to another layer."""
        self.prepareGeometryChange()
        fits = layout is not None and state is not None and len(frames.colours) == state.layer.units
        self.groups = _groups(layout, state, frames) if fits and layout is not None and state is not None else []
        if layout is not None:
            height, width = layout.shape
            self._area = QRectF(0, 0, width, height)
        self.update()

    def boundingRect(self) -> QRectF:
        """The whole grid."""
        return self._area

    def paint(self, painter: QPainter, *_: Any) -> None:
        """Draw the frames, colour by colour."""
        for colour, boxes in self.groups:
            pen = QPen(QColor(*colour), WIDTH)
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.drawRects(boxes)


def _groups(
    layout: Layout, state: DisplayState, frames: UnitFrames
) -> list[tuple[tuple[int, int, int, int], list[QRectF]]]:
    units = np.array(state.grid.shown)
    colours, which = np.unique(frames.colours[units], axis=0, return_inverse=True)
    boxes: list[list[QRectF]] = [[] for _ in colours]
    for unit, group in zip(units.tolist(), which.ravel().tolist(), strict=True):
        boxes[group].append(QRectF(*layout.box(unit)))
    return [(tuple(colour), found) for colour, found in zip(colours.tolist(), boxes, strict=True)]
