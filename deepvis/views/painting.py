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
    painter.drawText(text, _LEFT, f"{_number(scale.low)}")
    painter.drawText(text, _RIGHT, f"{_number(scale.high)}")
    if scale.diverging:
        painter.drawText(text, _CENTRE, "0")


def draw_heading(painter: QPainter, area: QRect, title: str, detail: str) -> int:
    """Draw a heading: the title at the left, small print at its right, or below it where both do not fit in a line.

    Returns
    -------
    Height of the heading in pixels.
    """
    font = painter.font()
    painter.setFont(theme.bold(font))
    metrics = painter.fontMetrics()
    line = metrics.height() + 3
    painter.setPen(QColor(theme.TEXT))
    words = metrics.elidedText(title, Qt.TextElideMode.ElideMiddle, area.width())
    painter.drawText(QRect(area.left(), area.top(), area.width(), line), _LEFT, words)
    left = area.width() - metrics.horizontalAdvance(words) - 10
    painter.setFont(theme.small(font))
    painter.setPen(QColor(theme.DIM))
    metrics = painter.fontMetrics()
    if not detail:
        height = line
    elif metrics.horizontalAdvance(detail) <= left:
        painter.drawText(QRect(area.left(), area.top(), area.width(), line), _RIGHT, detail)
        height = line
    else:
        words = metrics.elidedText(detail, Qt.TextElideMode.ElideRight, area.width())
        painter.drawText(QRect(area.left(), area.top() + line, area.width(), metrics.height()), _LEFT, words)
        height = line + metrics.height() + 1
    painter.setFont(font)
    return height


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


def _number(value: float) -> str:
    """Three digits, without an exponent where a person would write none."""
    return f"{value:.0f}" if 1000 <= abs(value) < 100_000 else f"{value:.3g}"
