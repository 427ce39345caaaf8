"""The whole picture of a patch, beside the patches, with what the unit saw framed."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from deepvis.compute.facts import Patch, Whole
from deepvis.views import theme
from deepvis.views.painting import draw_frame, draw_heading, draw_image, fit, to_image

_SIDE = 320


class WholePicture(QWidget):
    """Floats over the window; the mouse goes through it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("whole")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._image: QImage | None = None
        self._boxes: list[QRectF] = []
        self._title = self._detail = ""
        self.hide()

    def show_beside(self, whole: Whole, patch: Patch, corner: QPoint) -> None:
        """Show a picture at the left of ``corner``, a point of the window."""
        self._image = to_image(whole.pixels)
        self._boxes = [QRectF(x0, y0, x1 - x0, y1 - y0) for y0, x0, y1, x1 in whole.boxes if x1 > x0 and y1 > y0]
        self._title = patch.name.rsplit("/", 1)[-1]
        self._detail = f"{patch.value:.4g} at {patch.position}"
        parent = self.parentWidget()
        top = min(max(corner.y() - 20, 8), (parent.height() if parent else corner.y() + _SIDE) - _SIDE - 8)
        self.setGeometry(max(8, corner.x() - _SIDE - 16), top, _SIDE, _SIDE)
        self.show()
        self.raise_()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint heading, picture and frame."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.RAISED))
        painter.setPen(QColor(theme.ACCENT))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        if self._image is None:
            return
        area = self.rect().adjusted(10, 6, -10, -10)
        area.setTop(area.top() + draw_heading(painter, area, self._title, self._detail) + 4)
        target = fit((self._image.width(), self._image.height()), area)
        draw_image(painter, target, self._image, smooth=True)
        factor = target.width() / self._image.width()
        for box in self._boxes:
            left, top = target.left() + box.left() * factor, target.top() + box.top() * factor
            draw_frame(painter, QRectF(left, top, box.width() * factor, box.height() * factor), theme.ACCENT)
