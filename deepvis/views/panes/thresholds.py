"""Draws H of every filter beside a threshold that follows the mouse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QLineF, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QStackedLayout, QVBoxLayout, QWidget
from superqt import QElidingLabel

from deepvis.compute.colour import ColourScale, colourise
from deepvis.compute.frames import RATE_MAP
from deepvis.controllers.panes.thresholds import ThresholdsContent, saving_plan
from deepvis.controllers.viewer import ViewerController
from deepvis.views import theme
from deepvis.views.panes.registry import pane_widget

_DIGITS = 3  # of a threshold that the mouse gives
_LEFT, _RIGHT = 96, 210  # pixels for names and counts
_ALL = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
FROZEN, FREE = (
    QColor(*colour) for colour in colourise(np.array([0.1, 0.9]), ColourScale(0, 1, RATE_MAP))[:, :3].tolist()
)


@pane_widget("thresholds")
class ThresholdsPane(QWidget):
    """Draws a `ThresholdsContent`; hovering tries a threshold, a click keeps it."""

    def __init__(self, controller: ViewerController) -> None:
        super().__init__()
        self.setMinimumHeight(190)
        self._controller = controller
        self._kept = controller.model.threshold
        self.content = ThresholdsContent()
        self.missing = QLabel(wordWrap=True)
        self.missing.setStyleSheet(f"color: {theme.DIM}; padding: 8px;")
        self.words = QElidingLabel()
        self.saved = QElidingLabel()
        self.saved.setStyleSheet(f"color: {theme.DIM};")
        self.strip = ThresholdStrip()
        self.strip.tried.connect(self._try)
        self.strip.chosen.connect(self._keep)
        self.strip.left.connect(lambda: self._set(self._kept))
        self.presets: list[QPushButton] = []
        self.save = QPushButton("Save plan…")
        self.save.setToolTip("What python -m entropy plan --method 1 --threshold … writes; entropy write takes it")
        self.save.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.save.clicked.connect(self._ask_file)
        self._arrange()

    def _arrange(self) -> None:
        self._buttons = QHBoxLayout()
        self._buttons.setContentsMargins(8, 2, 8, 0)
        self._buttons.addWidget(self.words, 3)
        self._buttons.addWidget(self.saved, 2)
        self._buttons.addWidget(self.save)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(self._buttons)
        column.addWidget(self.strip, 1)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.missing)
        self._stack.addWidget(body)

    def show_content(self, content: ThresholdsContent) -> None:
        """Draw this from now on."""
        self.content = content
        self.missing.setText(content.missing)
        self._stack.setCurrentIndex(1 if content.layers else 0)
        if not content.layers:
            return
        self.words.setText(content.words)
        self.words.setToolTip(content.words)
        self.strip.show_content(content)
        while len(self.presets) < len(content.presets):
            self._add_preset(len(self.presets))
        for button, (name, threshold) in zip(self.presets, content.presets, strict=True):
            button.setText(name)
            button.setToolTip(f"The threshold of {name}: {threshold:.4f} bit")

    def _add_preset(self, place: int) -> None:
        button = QPushButton()
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(lambda: self._keep(self.content.presets[place][1]))
        self.presets.append(button)
        self._buttons.insertWidget(self._buttons.count() - 1, button)

    def _try(self, threshold: float) -> None:
        self._controller.model.frame_kind = "threshold"
        self._set(threshold)

    def _keep(self, threshold: float) -> None:
        self._kept = threshold
        self._try(threshold)

    def _set(self, threshold: float | None) -> None:
        if self._controller.model.threshold != threshold:
            self._controller.model.threshold = threshold

    def _ask_file(self) -> None:
        facts = self._controller.session.facts
        threshold = self._kept if self._kept is not None else self.content.threshold
        name = str(facts.path.parent / "plan.json") if facts is not None else "plan.json"
        path, _ = QFileDialog.getSaveFileName(self, "Save the plan", name, "Plans (*.json)")
        if path and facts is not None:
            self._controller.tasks.start(saving_plan(facts.filters, threshold, Path(path), self._say))

    def _say(self, words: str) -> None:
        self.saved.setText(words)
        self.saved.setToolTip(words)


class ThresholdStrip(QWidget):
    """A row for each layer with a tick at H of every filter, and the threshold across all of them."""

    tried = Signal(float)
    chosen = Signal(float)
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setToolTip("Move: try a threshold; click: keep it")
        self._content = ThresholdsContent()

    def sizeHint(self) -> QSize:
        """Room for five layers."""
        return QSize(600, 150)

    def show_content(self, content: ThresholdsContent) -> None:
        """Draw this from now on."""
        self._content = content
        self.update()

    def position_of(self, bits: Any) -> Any:
        """Where a value of H, or an array of them, lies, in pixels from the left."""
        return _LEFT + bits / self._content.most * self._width

    def bits_at(self, x: float) -> float:
        """H at a place, rounded to thousandths of a bit, within what is possible."""
        share = min(max((x - _LEFT) / self._width, 0.0), 1.0)
        return round(share * self._content.most, _DIGITS)

    @property
    def _width(self) -> int:
        return max(1, self.width() - _LEFT - _RIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows, the scale and the threshold."""
        painter, content = QPainter(self), self._content
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        painter.setFont(theme.small(painter.font()))
        foot = painter.fontMetrics().height() + 2
        height = (self.height() - foot) / max(1, len(content.layers))
        for place in range(len(content.layers)):
            self._draw_layer(painter, place, QRectF(0, place * height, self.width(), height))
        painter.setPen(QColor(theme.DIM))
        for bits in range(int(content.most) + 1):
            box = QRect(round(self.position_of(bits)) - 20, self.height() - foot, 40, foot)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), f"{bits}" if bits else "0 bit")
        painter.setPen(QPen(QColor(theme.ACCENT), 2))
        x = self.position_of(content.threshold)
        painter.drawLine(QPointF(x, 0), QPointF(x, self.height() - foot))

    def _draw_layer(self, painter: QPainter, place: int, area: QRectF) -> None:
        layer = self._content.layers[place]
        count, free = len(layer.free), int(layer.free.sum())
        painter.setPen(QColor(theme.TEXT))
        name = painter.fontMetrics().elidedText(layer.name, Qt.TextElideMode.ElideMiddle, _LEFT - 16)
        painter.drawText(QRectF(8, area.top(), _LEFT - 12, area.height()), _ALL, name)
        words = f"{free} of {count} free, {1 - free / count:.1%} frozen"
        painter.drawText(QRectF(self.width() - _RIGHT + 14, area.top(), _RIGHT - 16, area.height()), _ALL, words)
        top, bottom = area.top() + 0.12 * area.height(), area.bottom() - 0.12 * area.height()
        for side, colour in ((False, FROZEN), (True, FREE)):
            ticks = np.unique(np.rint(self.position_of(layer.bits[layer.free == side])))  # one for each pixel
            painter.setPen(QPen(colour, 1))
            painter.drawLines([QLineF(x, top, x, bottom) for x in ticks.tolist()])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Try the threshold under the mouse."""
        self.tried.emit(self.bits_at(event.position().x()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Keep it."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(self.bits_at(event.position().x()))

    def leaveEvent(self, event: QEvent) -> None:
        """Go back to the threshold that was kept."""
        self.left.emit()
