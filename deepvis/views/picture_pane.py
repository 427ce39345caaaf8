"""A pane with one picture: heading, pixels, colour bar."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from deepvis.controllers.contents import ImageContent
from deepvis.views import theme
from deepvis.views.painting import (
    bar_height,
    draw_bar,
    draw_frame,
    draw_heading,
    draw_image,
    draw_missing,
    fit,
    to_image,
)

_SINGLE = 72  # pixels a side of the square for a unit that is a single number


class PicturePane(QWidget):
    """Draws an `ImageContent`; the shape of the pixels is kept.

    Parameters
    ----------
    name : the object's name, by which tests and style sheets find it.
    """

    double_clicked = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # nothing below it needs to be painted
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.content = ImageContent("")
        self._image: QImage | None = None

    def show_content(self, content: ImageContent) -> None:
        """Draw this from now on."""
        self.content = content
        self._image = None if content.pixels is None else to_image(content.pixels)
        self.setAccessibleDescription(content.missing or f"{content.title} {content.detail}")
        self.update()

    def minimumSizeHint(self) -> QSize:
        """Room for the heading and a small picture."""
        return QSize(120, 90)

    def sizeHint(self) -> QSize:
        """About as high as it is wide."""
        return QSize(240, 240)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Tell that the pane should be enlarged."""
        self.double_clicked.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint heading, picture, frame and colour bar."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        area = self.rect().adjusted(8, 4, -8, -8)
        area.setTop(area.top() + draw_heading(painter, area, self.content.title, self.content.detail) + 3)
        if self._image is None:
            draw_missing(painter, area, self.content.missing)
            return
        painter.setFont(theme.small(painter.font()))
        if self.content.scale is not None:
            height = bar_height(painter.fontMetrics())
            draw_bar(painter, QRect(area.left(), area.bottom() - height + 1, area.width(), height), self.content.scale)
            area.setBottom(area.bottom() - height - 5)
        self._draw_picture(painter, area)

    def _draw_picture(self, painter: QPainter, area: QRect) -> None:
        assert self._image is not None
        size = (self._image.width(), self._image.height())
        target = fit(size, area)
        if size == (1, 1):
            side = min(_SINGLE, target.width())
            target = QRect(target.center().x() - side // 2, target.center().y() - side // 2, side, side)
        draw_image(painter, target, self._image, self.content.smooth)
        if self.content.box is not None:
            left, top, width, height = self.content.box
            inside = QRectF(
                target.left() + left * target.width(),
                target.top() + top * target.height(),
                width * target.width(),
                height * target.height(),
            )
            draw_frame(painter, inside.adjusted(1, 1, -1, -1), theme.ACCENT)
