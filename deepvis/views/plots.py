"""Plots in the look of the window."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont

from deepvis.views import theme

_AXIS = 44  # pixels that the numbers at the left take


def make_plot(font: QFont) -> pg.PlotWidget:
    """A plot that the mouse does not move, with small print at its axes."""
    plot = pg.PlotWidget(background=theme.PANEL)
    plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    plot.setMouseEnabled(False, False)
    plot.setMenuEnabled(False)
    plot.hideButtons()
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setPen(theme.LINE)
        axis.setTextPen(theme.DIM)
        axis.setStyle(tickFont=theme.small(font), tickLength=3)
    plot.getAxis("left").setWidth(_AXIS)
    return plot
