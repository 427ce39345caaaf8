"""Two handles for the part of the scale that the colours span."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from deepvis.state.viewer import ViewerModel
from deepvis.views import theme

_END = 5  # pixels from the track's end to the widget's
_LEAST = 0.01  # share between the two handles


class LevelsSlider(QWidget):
    """Sets ``level_low`` and ``level_high`` of the state: drag a handle, double click for the whole scale."""

    def __init__(self, model: ViewerModel) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # nothing below it needs to be painted
        self._model = model
        self._levels = (0.0, 1.0)
        self._held: int | None = None
        self.setFixedSize(QSize(84, 18))
        self.setToolTip("Contrast levels: drag the ends of what the colours span; double click: the whole scale")

    def show_levels(self, low: float, high: float) -> None:
        """Follow the state."""
        self._levels = (low, high)
        self.update()

    def position_of(self, share: float) -> QPointF:
        """Where a share of the scale lies."""
        return QPointF(_END + share * (self.width() - 2 * _END), self.height() / 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the track and the handles."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        low, high = (self.position_of(share) for share in self._levels)
        painter.setPen(Qt.PenStyle.NoPen)
        for start, end, colour in (
            (self.position_of(0), self.position_of(1), theme.LINE),
            (low, high, theme.ACCENT),
        ):
            painter.setBrush(QColor(colour))
            painter.drawRect(round(start.x()), self.height() // 2 - 1, round(end.x() - start.x()), 3)
        painter.setBrush(QColor(theme.TEXT))
        for place in (low, high):
            painter.drawEllipse(place, 4.5, 4.5)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take the nearer handle."""
        share = self._share(event)
        low, high = self._levels
        self._held = 0 if abs(share - low) < abs(share - high) else 1
        self._move(share)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the handle that is held."""
        if self._held is not None:
            self._move(self._share(event))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let it go."""
        self._held = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Give the whole scale back."""
        self._held = None
        self._model.level_low, self._model.level_high = 0.0, 1.0

    def _share(self, event: QMouseEvent) -> float:
        share = (event.position().x() - _END) / (self.width() - 2 * _END)
        return round(min(max(share, 0.0), 1.0), 2)

    def _move(self, share: float) -> None:
        low, high = self._levels
        if self._held == 0:
            self._model.level_low = min(share, high - _LEAST)
        else:
            self._model.level_high = max(share, low + _LEAST)
