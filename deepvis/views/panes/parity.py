"""Draws the parity report of a conversion: a sentence for every engine and a line for every layer."""

from __future__ import annotations

import math

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import (
    QHeaderView,
    QLabel,
    QStackedLayout,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from deepvis.controllers.panes.parity import ParityContent
from deepvis.controllers.viewer import ViewerController
from deepvis.views import theme
from deepvis.views.panes.registry import pane_widget
from deepvis.views.tables import make_list_of

_SMALLEST = 1e-9  # relative difference where the bar is empty; it is full at the largest of the report
_SHARE = Qt.ItemDataRole.UserRole


@pane_widget("parity")
class ParityPane(QWidget):
    """Draws a `ParityContent`; a click on a layer shows it."""

    def __init__(self, controller: ViewerController) -> None:
        super().__init__()
        self.setMinimumHeight(150)
        self._controller = controller
        self.missing = QLabel(wordWrap=True)
        self.missing.setStyleSheet(f"color: {theme.DIM}; padding: 8px;")
        self.summary = QLabel(wordWrap=True)
        self.summary.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.summary.setStyleSheet("padding: 2px 6px;")
        self.table = QTableWidget()
        make_list_of(self.table)
        self.table.cellClicked.connect(self._clicked)
        self.table.setItemDelegate(_Bars(self.table))
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(4, 2, 4, 2)
        column.setSpacing(2)
        column.addWidget(self.summary)
        column.addWidget(self.table, 1)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.missing)
        self._stack.addWidget(body)

    def show_content(self, content: ParityContent) -> None:
        """Draw this from now on."""
        self.missing.setText(content.missing)
        self._stack.setCurrentIndex(1 if content.layers else 0)
        self.summary.setText("\n".join(content.summary))
        heads = [f"{engine}: relative, absolute" for engine in content.engines]
        self.table.setColumnCount(3 + len(heads))
        self.table.setHorizontalHeaderLabels(["layer", "type", "in the PyTorch model", *heads])
        self.table.setRowCount(len(content.layers))
        for row, layer in enumerate(content.layers):
            for place, text in enumerate((layer.layer, layer.type, layer.module)):
                self.table.setItem(row, place, QTableWidgetItem(text))
            for place, engine in enumerate(content.engines):
                relative, absolute = layer.relative[engine], layer.absolute[engine]
                item = QTableWidgetItem(
                    "not compared" if relative is None else f"{_number(relative)}   {_number(absolute)}"
                )
                item.setData(_SHARE, _share(relative, content.largest))
                self.table.setItem(row, 3 + place, item)
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)

    def _clicked(self, row: int, column: int) -> None:
        item = self.table.item(row, 0)
        if item is not None and self._controller.net.index(item.text()) >= 0:
            self._controller.select_layer(item.text())


class _Bars(QStyledItemDelegate):
    """A bar of the logarithm of the difference behind its number."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Draw the bar below what the table itself draws."""
        share = index.data(_SHARE)
        if share:
            area: QRect = option.rect.adjusted(0, 3, 0, -3)
            colour = QColor(theme.ACCENT)
            colour.setAlphaF(0.3)
            painter.fillRect(QRect(area.left(), area.top(), round(area.width() * share), area.height()), colour)
        super().paint(painter, option, index)


def _number(value: float | None) -> str:
    return f"{value:.1e}" if value else "0"


def _share(value: float | None, largest: float) -> float:
    if value is None or value <= _SMALLEST or largest <= _SMALLEST:
        return 0.0
    return math.log(value / _SMALLEST) / math.log(largest / _SMALLEST) if math.isfinite(value) else 1.0
