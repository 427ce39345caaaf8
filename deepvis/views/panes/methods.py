"""Draws the selected unit in the six methods: a table, the curves with its place on them, and its histogram."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QStackedLayout, QVBoxLayout, QWidget

from deepvis.controllers.panes.methods import MethodsContent
from deepvis.controllers.viewer import ViewerController
from deepvis.views import theme
from deepvis.views.painting import draw_heading
from deepvis.views.panes.histograms import HistogramPlot
from deepvis.views.panes.registry import pane_widget
from deepvis.views.plots import make_plot

COLOURS = ("#8dd3c7", "#ffed6f", "#fb8072", "#80b1d3", "#b3de69", "#bc80bd")
"""One for each method; told apart on dark ground (Brewer's Set3)."""
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
HEADER = ("method", "threshold or Hmax", "coefficient", "in Caffe", "free")
_CELLS = ((0, 31), (31, 54), (66, 80), (80, 91), (91, 100))  # percent of the width, in the order of `HEADER`
_BAR = (54, 66)


@pane_widget("methods")
class MethodsPane(QWidget):
    """Draws a `MethodsContent`."""

    def __init__(self, controller: ViewerController) -> None:
        super().__init__()
        self.setMinimumHeight(170)
        self.content = MethodsContent()
        self.missing = QLabel(wordWrap=True)
        self.missing.setStyleSheet(f"color: {theme.DIM}; padding: 8px;")
        self.table = _Table()
        self.curves = _Curves()
        self.histogram = HistogramPlot()
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.table, 5)
        row.addWidget(self.curves, 3)
        row.addWidget(self.histogram, 3)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.missing)
        self._stack.addWidget(body)

    def show_content(self, content: MethodsContent) -> None:
        """Draw this from now on."""
        self.content = content
        self.missing.setText(content.missing)
        self._stack.setCurrentIndex(1 if content.rows else 0)
        if content.histogram is None:
            return
        self.table.show_content(content)
        self.curves.show_content(content)
        self.histogram.show_histogram(content.histogram)


class _Table(QWidget):
    """What is known of the unit, and a line for each method with its coefficient as a bar."""

    def __init__(self) -> None:
        super().__init__()
        self._content = MethodsContent()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """Room for seven lines."""
        return QSize(460, 10 * self.fontMetrics().height())

    def show_content(self, content: MethodsContent) -> None:
        """Draw this from now on."""
        self._content = content
        self.setToolTip(content.note)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the heading, the facts and the six lines."""
        painter, content = QPainter(self), self._content
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        area = self.rect().adjusted(8, 4, -8, -2)
        top = area.top() + draw_heading(painter, area, content.unit_text, " · ".join(content.words[:2]))
        painter.setFont(theme.small(painter.font()))
        metrics, line = painter.fontMetrics(), painter.fontMetrics().height() + 1
        painter.setPen(QColor(theme.DIM))
        words = metrics.elidedText(" · ".join(content.words[2:]), Qt.TextElideMode.ElideRight, area.width())
        painter.drawText(QRect(area.left(), top, area.width(), line), _LEFT, words)
        top += line + 2
        self._draw_cells(painter, QRect(area.left(), top, area.width(), line), HEADER, theme.DIM)
        top += line + 1
        height = min(line + 8, max(line, (area.bottom() - top) // (len(content.rows) or 1)))
        for place in range(len(content.rows)):
            self._draw_row(painter, place, QRect(area.left(), top + place * height, area.width(), height))

    def _draw_row(self, painter: QPainter, place: int, area: QRect) -> None:
        row = self._content.rows[place]
        colour, middle = QColor(COLOURS[place % len(COLOURS)]), area.top() + area.height() // 2
        painter.fillRect(QRect(area.left(), middle - 4, 8, 8), colour)
        bar = _cell(area, _BAR).adjusted(0, 0, -8, 0)
        bar = QRect(bar.left(), middle - 3, bar.width(), 6)
        painter.fillRect(bar, QColor(theme.LINE))
        painter.fillRect(QRect(bar.left(), bar.top(), round(bar.width() * row.coefficient), bar.height()), colour)
        words = (row.title, row.reference, f"{row.coefficient:.4f}", f"{row.realised:.4g}", f"{row.share_free:.1%}")
        self._draw_cells(painter, area, words, theme.TEXT)

    def _draw_cells(self, painter: QPainter, area: QRect, words: tuple[str, ...], colour: str) -> None:
        painter.setPen(QColor(colour))
        for text, share in zip(words, _CELLS, strict=True):
            cell = _cell(area, share).adjusted(14 if share is _CELLS[0] else 0, 0, 0, 0)
            text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, cell.width())
            painter.drawText(cell, _LEFT, text)


def _cell(area: QRect, share: tuple[int, int]) -> QRect:
    """The part of ``area`` from one percentage of its width to another."""
    left, right = (area.left() + percent * area.width() // 100 for percent in share)
    return QRect(left, area.top(), right - left, area.height())


class _Curves(QWidget):
    """The coefficient of every method over H, and the unit's H."""

    def __init__(self) -> None:
        super().__init__()
        self.title = QLabel("Coefficient over H")
        self.title.setFont(theme.small(self.font()))
        self._plot = make_plot(self.font())
        self.lines = [self._plot.plot(pen=pg.mkPen(colour, width=1.5)) for colour in COLOURS]
        self.place = pg.InfiniteLine(angle=90, pen=pg.mkPen(theme.ACCENT, width=1.5))
        self._plot.addItem(self.place)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 4, 2)
        column.setSpacing(2)
        column.addWidget(self.title)
        column.addWidget(self._plot, 1)

    def show_content(self, content: MethodsContent) -> None:
        """Draw this from now on."""
        for line, row in zip(self.lines, content.rows, strict=True):
            line.setData(content.h, row.curve)
        self.place.setPos(content.bits)
        self.title.setText(f"Coefficient over H in bits; {content.unit_text} at {content.bits:.2f}")
        self._plot.setXRange(0, float(content.h[-1]), padding=0.01)
        self._plot.setYRange(0, 1.06, padding=0)
