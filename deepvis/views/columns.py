"""The columns of the window: the panes that are always there, side by side; their borders can be dragged."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QByteArray, QSettings, Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

GAP = 6  # pixels between panes
_SHARES = (0.17, 0.22, 0.14)  # of the window's width at the start: left, right, far right; the middle takes the rest
_NARROWEST = (210, 260, 260)  # pixels
_ROWS = (14, 10, 10)


class Columns(QSplitter):
    """Four columns, the first one of rows.

    Parameters
    ----------
    left : the panes of the first column, from top to bottom.
    middle, right, far : what the other columns are.
    """

    def __init__(self, left: Sequence[QWidget], middle: QWidget, right: QWidget, far: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.rows = QSplitter(Qt.Orientation.Vertical)
        _fill(self.rows, left)
        _fill(self, (self.rows, middle, right, far))
        self.setStretchFactor(1, 1)

    def reset_layout(self, width: int) -> int:
        """Give every pane its first size in a window that is ``width`` pixels wide; gives the width of the right."""
        left, right, far = (max(least, round(width * share)) for share, least in zip(_SHARES, _NARROWEST, strict=True))
        self.setSizes([left, width - left - right - far - 5 * GAP, right, far])
        self.rows.setSizes([1000 * share for share in _ROWS])
        return right

    def remember(self, memory: QSettings) -> None:
        """Write down where the borders are."""
        memory.setValue("columns", self.saveState())
        memory.setValue("rows", self.rows.saveState())

    def restore(self, memory: QSettings) -> None:
        """Put the borders where they were."""
        for splitter, key in ((self, "columns"), (self.rows, "rows")):
            kept = memory.value(key)
            if isinstance(kept, QByteArray):
                splitter.restoreState(kept)


def stacked(*widgets: QWidget, gap: int = 0, margin: int = 0, stretched: int) -> QWidget:
    """Widgets one below the other; the one at the place ``stretched`` takes the height that the others leave."""
    area = QWidget()
    column = QVBoxLayout(area)
    column.setContentsMargins(margin, margin, margin, margin)
    column.setSpacing(gap)
    for place, widget in enumerate(widgets):
        column.addWidget(widget, int(place == stretched))
    return area


def _fill(splitter: QSplitter, panes: Sequence[QWidget]) -> None:
    splitter.setHandleWidth(GAP)
    splitter.setChildrenCollapsible(False)
    for pane in panes:
        splitter.addWidget(pane)
