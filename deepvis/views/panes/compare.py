"""Draws the net before and after fine-tuning: a table that can be sorted, and the layer in both."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from deepvis.controllers.contents import GridContent
from deepvis.controllers.panes.compare import COLUMNS, TOOLTIPS, CompareContent
from deepvis.controllers.viewer import ViewerController
from deepvis.views import theme
from deepvis.views.painting import draw_frame, draw_heading, draw_image, fit, to_image
from deepvis.views.panes.registry import pane_widget
from deepvis.views.tables import CopyTable

Index = QModelIndex | QPersistentModelIndex


@pane_widget("compare")
class ComparePane(QWidget):
    """Draws a `CompareContent`; a click on a row or tile selects the filter."""

    def __init__(self, controller: ViewerController) -> None:
        super().__init__()
        self.setMinimumHeight(190)
        self._controller = controller
        self.missing = QLabel(wordWrap=True)
        self.missing.setStyleSheet(f"color: {theme.DIM}; padding: 8px;")
        self.note = QElidingLabel()
        self.note.setStyleSheet(f"color: {theme.DIM}; padding: 2px 8px;")
        self.model = ChangesModel()
        self.table = self._make_table()
        self.grids = [GridView() for _ in range(3)]
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(self.note)
        left.addWidget(self.table, 1)
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        row.addLayout(left, 5)
        for grid in self.grids:
            grid.clicked.connect(controller.select_unit)
            row.addWidget(grid, 2)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.missing)
        self._stack.addWidget(body)
        controller.model.events.unit.connect(self._follow)

    def show_content(self, content: CompareContent) -> None:
        """Draw this from now on; the order of the rows stays as it was chosen."""
        self.missing.setText(content.missing)
        self._stack.setCurrentIndex(0 if content.missing else 1)
        self.note.setText(content.note)
        self.note.setToolTip(content.note)
        self.model.show_columns(content.columns)
        for view, (title, grid) in zip(self.grids, content.grids, strict=False):
            view.show_content(title, grid)
        self._follow()

    def _make_table(self) -> CopyTable:
        table = CopyTable()
        table.setModel(self.model)
        table.setSortingEnabled(True)
        table.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        table.setShowGrid(False)
        table.setFont(theme.small(self.font()))
        table.horizontalHeader().setFont(theme.small(self.font()))
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 2)
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        table.clicked.connect(self._choose)
        return table

    def _choose(self, index: Index) -> None:
        layer, unit = self.model.place(index.row())
        model = self._controller.model
        if model.layer != layer:
            model.layer = layer
        model.unit = unit

    def _follow(self, *_: object) -> None:
        state = self._controller.state
        for grid in self.grids:
            grid.select(None if state is None else state.unit)


class ChangesModel(QAbstractTableModel):
    """The rows of a `CompareContent`, sorted by any column; numbers that are not known come last."""

    def __init__(self) -> None:
        super().__init__()
        self._columns: tuple[np.ndarray, ...] = ()
        self._order = np.zeros(0, np.intp)
        self._sorted_by: tuple[int, Qt.SortOrder] = (-1, Qt.SortOrder.AscendingOrder)

    def show_columns(self, columns: tuple[np.ndarray, ...]) -> None:
        """Show these from now on, in the order that was chosen."""
        same = len(columns) == len(self._columns) and len(columns) > 0 and len(columns[0]) == self.rowCount()
        if not same:
            self.beginResetModel()
        self._columns = columns
        self._order = np.arange(len(columns[0]) if columns else 0)
        if not same:
            self.endResetModel()
        self.sort(*self._sorted_by)

    def place(self, row: int) -> tuple[str, int]:
        """Layer and unit of a row."""
        number = self._order[row]
        return str(self._columns[0][number]), int(self._columns[1][number])

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Number of filters."""
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text and alignment of a cell."""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if index.column() == 0 else Qt.AlignmentFlag.AlignRight
            return side | Qt.AlignmentFlag.AlignVCenter
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return cell_text(self._columns[index.column()][self._order[index.row()]])

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Title of a column, and what it is."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.ToolTipRole:
            return TOOLTIPS[section]
        return COLUMNS[section] if role == Qt.ItemDataRole.DisplayRole else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; -1 for the order of the net."""
        self._sorted_by = (column, order)
        self.layoutAboutToBeChanged.emit()
        rows = np.arange(len(self._order))
        if column > 0 and self._columns:
            values = self._columns[column].astype(float)
            signed = values if order == Qt.SortOrder.AscendingOrder else -values
            rows = np.argsort(np.where(np.isnan(signed), np.inf, signed), kind="stable")
        elif column == 0 and order == Qt.SortOrder.DescendingOrder:
            rows = rows[::-1]
        self._order = rows
        self.layoutChanged.emit()


def cell_text(value: Any) -> str:
    """A cell as a person reads it: exactly 0 as ``0``, unknown as a dash."""
    if isinstance(value, str | int | np.integer):
        return str(value)
    return "–" if np.isnan(value) else "0" if value == 0 else f"{value:.4g}"


class GridView(QWidget):
    """All units of a layer, small, without zoom; a click selects one."""

    clicked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.content = GridContent()
        self._title = ""
        self._image: QImage | None = None
        self._unit: int | None = None

    def sizeHint(self) -> QSize:
        """Square, and large enough for a few hundred units."""
        return QSize(200, 190)

    def show_content(self, title: str, content: GridContent) -> None:
        """Draw this from now on."""
        self._title, self.content = title, content
        self._image = None if content.pixels is None else to_image(content.pixels)
        self.update()

    def select(self, unit: int | None) -> None:
        """Frame this unit."""
        self._unit = unit
        self.update()

    def position_of(self, unit: int) -> QRect:
        """Where a unit's tile lies in the widget."""
        assert self.content.layout is not None
        target, (left, top, width, height) = self._target(), self.content.layout.box(unit)
        factor = target.width() / self.content.layout.shape[1]
        return QRect(
            target.left() + round(left * factor),
            target.top() + round(top * factor),
            max(3, round(width * factor)),
            max(3, round(height * factor)),
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint title, units, and the frame."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.PANEL))
        painter.setFont(theme.small(painter.font()))
        scale = self.content.scale
        span = "" if scale is None else f"{scale.low:.3g} to {scale.high:.3g}"
        draw_heading(painter, self.rect().adjusted(4, 2, -4, 0), self._title, span)
        if self._image is None or self.content.layout is None:
            return
        draw_image(painter, self._target(), self._image, smooth=False)
        if self._unit is not None and self._holds(self._unit):
            draw_frame(painter, self.position_of(self._unit).toRectF(), theme.ACCENT)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Select the unit under the mouse."""
        layout, target = self.content.layout, self._target()
        if layout is None or not target.width():
            return
        factor = layout.shape[1] / target.width()
        point = event.position()
        hit = layout.unit_at((point.x() - target.left()) * factor, (point.y() - target.top()) * factor)
        if hit is not None:
            self.clicked.emit(hit[0])

    def _holds(self, unit: int) -> bool:
        grid = getattr(self.content.layout, "grid", None)
        return grid is not None and grid.holds(unit)

    def _target(self) -> QRect:
        area = self.rect().adjusted(4, 2 * self.fontMetrics().height() + 2, -4, -2)
        return fit(self.content.layout.shape[::-1], area) if self.content.layout is not None else area
