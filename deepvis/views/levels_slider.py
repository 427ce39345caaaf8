"""Two handles for the part of the scale that the colours span."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QBrush, QColor, QMouseEvent, QWheelEvent
from superqt import QRangeSlider

from deepvis.state.viewer import ViewerModel
from deepvis.views import theme

_STEPS = 100  # of the scale; the handles stay one apart


class LevelsSlider(QRangeSlider):
    """Sets ``level_low`` and ``level_high`` of the state: drag a handle, double click for the whole scale."""

    def __init__(self, model: ViewerModel) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._model = model
        self._shown = (0, _STEPS)
        self.setRange(0, _STEPS)
        self.setValue(self._shown)
        self.setBarMovesAllHandles(False)  # a click takes the nearer handle
        self.setProperty("barColor", QBrush(QColor(theme.ACCENT)))
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys are the window's
        self.setFixedSize(QSize(84, 18))
        self.setToolTip("Contrast levels: drag the ends of what the colours span; double click: the whole scale")
        self.valueChanged.connect(self._moved)

    def show_levels(self, low: float, high: float) -> None:
        """Follow the state."""
        self._shown = (round(low * _STEPS), round(high * _STEPS))
        self.setValue(self._shown)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Give the whole scale back."""
        self._model.level_low, self._model.level_high = 0.0, 1.0

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to what is below: contrast does not change by accident."""
        event.ignore()

    def _moved(self, values: tuple[int, int]) -> None:
        """Tell the state about the handle that a hand has moved; the other one may stand between two steps."""
        for level, value, shown in zip(("level_low", "level_high"), values, self._shown, strict=True):
            if value != shown:
                setattr(self._model, level, value / _STEPS)
