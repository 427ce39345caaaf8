"""The list of keys over the window, with a line to search it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from deepvis.views import theme
from deepvis.views.keys import COMMANDS, Command, keys_text
from deepvis.views.tables import make_list_of

MOUSE = (
    ("click on a unit", "select it"),
    ("double click on a unit", "show it large"),
    ("wheel, drag", "zoom and move the grid; a double click beside the units shows all of it"),
    ("over a patch", "the whole picture, with what the unit saw"),
)


class HelpPane(QFrame):
    """Made from the key table; typing leaves only the rows that have the words."""

    closed = Signal()

    def __init__(self, parent: QWidget, commands: Sequence[Command] = COMMANDS) -> None:
        super().__init__(parent)
        self.setObjectName("help")
        self.setStyleSheet(
            f"#help {{ background: {theme.PANEL}; border: 1px solid {theme.ACCENT}; border-radius: 4px; }}"
        )
        self.search = QLineEdit(placeholderText="Search: type what you want to do, or a key")
        self.search.textChanged.connect(self._filter)
        self.search.installEventFilter(self)
        self.table = QTableWidget(0, 3)
        self.table.setHorizontalHeaderLabels(["Key", "What it does", "Menu"])
        make_list_of(self.table)
        for command in commands:
            self._add(keys_text(command), command.text, command.menu)
        for gesture, meaning in MOUSE:
            self._add(gesture, meaning, "Mouse")
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        head = QLabel("Keys and mouse")
        head.setFont(theme.bold(self.font()))
        head.setStyleSheet(f"background: {theme.PANEL};")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.addWidget(head)
        layout.addWidget(self.search)
        layout.addWidget(self.table, 1)
        self.hide()

    def show_over(self, area: QWidget) -> None:
        """Open over the middle of a widget."""
        width, height = min(680, area.width() - 40), min(760, area.height() - 40)
        self.setGeometry((area.width() - width) // 2, (area.height() - height) // 2, width, height)
        self.show()
        self.raise_()
        self.search.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let Esc and F1 close the list while one types."""
        if isinstance(event, QKeyEvent) and event.type() in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress):
            key = event.key()
            closes = key in (Qt.Key.Key_Escape, Qt.Key.Key_F1) or (key == Qt.Key.Key_H and not self.search.text())
            if closes:
                event.accept()
                if event.type() == QEvent.Type.KeyPress:
                    self.closed.emit()
                return True
        return super().eventFilter(watched, event)

    def _add(self, *cells: str) -> None:
        row = self.table.rowCount()
        self.table.insertRow(row)
        for column, text in enumerate(cells):
            self.table.setItem(row, column, QTableWidgetItem(text))

    def _filter(self, words: str) -> None:
        wanted = words.casefold().split()
        for row in range(self.table.rowCount()):
            text = " ".join(self._text(row, column) for column in range(3)).casefold()
            self.table.setRowHidden(row, not all(word in text for word in wanted))

    def _text(self, row: int, column: int) -> str:
        item = self.table.item(row, column)
        return item.text() if item else ""
