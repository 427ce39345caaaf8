"""Painting that several panes share: arrays as pictures, the colour bar, headings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QImage, QPainter, QPen

from deepvis.compute.colour import ColourScale, colourise
from deepvis.views import theme

BAR = 8  # pixels, height of the colour bar
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_CENTRE = int(Qt.AlignmentFlag.AlignCenter)


def to_image(pixels: NDArray[np.uint8]) -> QImage:
    """Copy (H, W, 3) RGB or (H, W, 4) RGBA pixels into a picture of Qt's."""
    pixels = np.ascontiguousarray(pixels)
    height, width, channels = pixels.shape
    form = QImage.Format.Format_RGBA8888 if channels == 4 else QImage.Format.Format_RGB888
    return QImage(pixels.data, width, height, width * channels, form).copy()


def fit(size: tuple[int, int], area: QRect) -> QRect:
    """The largest rectangle with the shape of ``size`` (width, height) in the middle of ``area``."""
    width, height = size
    factor = min(area.width() / width, area.height() / height)
    fitted_width, fitted_height = max(1, round(width * factor)), max(1, round(height * factor))
    left = area.left() + (area.width() - fitted_width) // 2
    return QRect(left, area.top() + (area.height() - fitted_height) // 2, fitted_width, fitted_height)


def draw_image(painter: QPainter, target: QRect, image: QImage, smooth: bool) -> None:
    """Draw a picture; without interpolation unless it is a photograph or shrinks."""
    shrinks = target.width() < image.width()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth or shrinks)
    painter.drawImage(target, image)


def bar_height(metrics: QFontMetrics) -> int:
    """Height of a colour bar with its numbers."""
    return BAR + metrics.height() + 4


def draw_bar(painter: QPainter, area: QRect, scale: ColourScale) -> None:
    """Draw a colour bar with the values of its ends, and zero between them."""
    values = np.linspace(scale.low, scale.high, max(2, area.width()), dtype=np.float32)[None]
    painter.drawImage(QRect(area.left(), area.top(), area.width(), BAR), to_image(colourise(values, scale)))
    text = area.adjusted(0, BAR + 1, 0, 0)
    painter.setPen(QColor(theme.DIM))
    painter.drawText(text, _LEFT, f"{scale.low:.3g}")
    painter.drawText(text, _RIGHT, f"{scale.high:.3g}")
    if scale.diverging:
        painter.drawText(text, _CENTRE, "0")


def draw_heading(painter: QPainter, area: QRect, title: str, detail: str) -> None:
    """Draw a heading: the title at the left, small print at the right; both are shortened where they do not fit."""
    font = painter.font()
    painter.setFont(theme.small(font))
    small = painter.fontMetrics()
    shown = small.elidedText(detail, Qt.TextElideMode.ElideRight, max(0, area.width() * 2 // 3))
    width = small.horizontalAdvance(shown)
    painter.setPen(QColor(theme.DIM))
    painter.drawText(area, _RIGHT, shown)
    painter.setFont(theme.bold(font))
    painter.setPen(QColor(theme.TEXT))
    room = area.adjusted(0, 0, -(width + 8 if width else 0), 0)
    painter.drawText(room, _LEFT, painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideMiddle, room.width()))
    painter.setFont(font)


def draw_missing(painter: QPainter, area: QRect, words: str) -> None:
    """Say what is missing, in the middle of a pane."""
    painter.setPen(QColor(theme.DIM))
    flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
    painter.drawText(area.adjusted(12, 4, -12, -4), flags, words)


def draw_frame(painter: QPainter, box: QRectF, colour: str) -> None:
    """Draw a thin frame that is seen on dark and on light ground."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(0, 0, 0, 160), 3))
    painter.drawRect(box)
    painter.setPen(QPen(QColor(colour), 1.5))
    painter.drawRect(box)
