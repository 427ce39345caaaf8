"""Tables that show rows alone, one of texts, and one whose cells are copied as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QTableWidget, QTableWidgetItem

from deepvis.views import theme

MOST_COPIED = 1_000_000  # cells


def make_list_of(table: QTableView) -> None:
    """Let a table only show rows: nothing is selected, edited or focused, and no lines are drawn."""
    table.verticalHeader().hide()
    table.setShowGrid(False)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 5)


class RowTable(QTableWidget):
    """Rows of small text.

    Parameters
    ----------
    titles : of the columns.
    """

    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__(0, len(titles))
        self.setFont(theme.small(self.font()))
        make_list_of(self)
        self.setHorizontalHeaderLabels(titles)
        self.setStyleSheet(f"QHeaderView::section {{ font-size: {self.font().pointSizeF():.1f}pt; padding: 2px 4px; }}")
        header = self.horizontalHeader()
        header.setMinimumSectionSize(24)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        self.setMinimumSize(120, 60)

    def show_rows(self, rows: Sequence[Sequence[str]]) -> None:
        """Write rows; cells that say the same already stay."""
        self.setRowCount(len(rows))
        for line, cells in enumerate(rows):
            for column, text in enumerate(cells):
                item = self.item(line, column)
                if item is None:
                    self.setItem(line, column, QTableWidgetItem(text))
                elif item.text() != text:
                    item.setText(text)


class CopyTable(QTableView):
    """Shows a model of any size that cannot be changed; Ctrl+C copies the selected cells, tab-separated."""

    def __init__(self) -> None:
        super().__init__()
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 5)
        self.verticalHeader().setMinimumSectionSize(self.fontMetrics().height() + 2)

    def event(self, event: QEvent) -> bool:
        """Take Ctrl+C from the window while cells are selected."""
        is_copy = isinstance(event, QKeyEvent) and event.matches(QKeySequence.StandardKey.Copy)
        if is_copy and event.type() == QEvent.Type.ShortcutOverride and self.selectionModel().hasSelection():
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy, or go on as tables do."""
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.selected_text())
            return
        super().keyPressEvent(event)

    def selected_text(self) -> str:
        """The selected cells in rows and columns, at most `MOST_COPIED` of them; what lies between them is empty."""
        chosen: Any = self.selectionModel().selection()  # a list, which the stubs of Qt do not know
        parts = list(chosen)
        rows = sorted({row for part in parts for row in range(part.top(), part.bottom() + 1)})
        columns = sorted({column for part in parts for column in range(part.left(), part.right() + 1)})
        if not columns:
            return ""
        model, lines = self.model(), []
        for row in rows[: MOST_COPIED // len(columns)]:
            indexes = [model.index(row, column) for column in columns]
            lines.append("\t".join(str(model.data(index)) if chosen.contains(index) else "" for index in indexes))
        return "\n".join(lines)
