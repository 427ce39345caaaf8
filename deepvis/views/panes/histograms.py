"""Draws the histograms of a layer side by side."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedLayout, QVBoxLayout, QWidget

from deepvis.controllers.panes.histograms import Histogram, HistogramsContent
from deepvis.controllers.viewer import ViewerController
from deepvis.views import theme
from deepvis.views.panes.registry import pane_widget
from deepvis.views.plots import make_plot


@pane_widget("histograms")
class HistogramsPane(QWidget):
    """Draws a `HistogramsContent`."""

    def __init__(self, controller: ViewerController) -> None:
        super().__init__()
        self.setMinimumHeight(150)
        self.plots: list[HistogramPlot] = []
        self.missing = QLabel(wordWrap=True)
        self.missing.setStyleSheet(f"color: {theme.DIM}; padding: 8px;")
        self._body = QWidget()
        self._row = QHBoxLayout(self._body)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.missing)
        self._stack.addWidget(self._body)

    def show_content(self, content: HistogramsContent) -> None:
        """Draw these from now on."""
        self.missing.setText(content.missing)
        self._stack.setCurrentIndex(1 if content.histograms else 0)
        while len(self.plots) < len(content.histograms):
            self.plots.append(HistogramPlot())
            self._row.addWidget(self.plots[-1])
        for place, plot in enumerate(self.plots):
            plot.setVisible(place < len(content.histograms))
            if place < len(content.histograms):
                plot.show_histogram(content.histograms[place])


class HistogramPlot(QWidget):
    """One histogram with its title."""

    def __init__(self) -> None:
        super().__init__()
        self.title = QLabel()
        self.title.setFont(theme.small(self.font()))
        self._plot = make_plot(self.font())
        self.curve = pg.PlotCurveItem(
            [0, 1], [0], stepMode="center", fillLevel=0, pen=None, brush=pg.mkBrush(theme.ACCENT)
        )
        self._plot.addItem(self.curve)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 4, 2)
        column.setSpacing(2)
        column.addWidget(self.title)
        column.addWidget(self._plot, 1)

    def show_histogram(self, histogram: Histogram) -> None:
        """Draw this from now on."""
        self.title.setText(histogram.title)
        self.title.setToolTip(histogram.title)
        self.curve.setData(np.linspace(histogram.low, histogram.high, len(histogram.counts) + 1), histogram.counts)
        self._plot.setXRange(histogram.low, histogram.high, padding=0.01)
        self._plot.setYRange(0, 1.06 * max(1, int(histogram.counts.max())), padding=0)
