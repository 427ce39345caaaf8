"""The row above the grid: which units are shown, in which order, and what their frames tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QToolButton, QWidget

from deepvis.compute.order import NUMBERS
from deepvis.state.resolve import DisplayState
from deepvis.state.viewer import OPTIONS, ViewerModel
from deepvis.views import theme
from deepvis.views.keys import COMMANDS, Command, command_of, keys_text

EXAMPLE = "filter: H < 2, dead, free, class = 3"


class GridHead(QWidget):
    """Sets ``sort``, ``reverse_order``, ``unit_filter`` and ``frame_kind`` of the state, and follows them.

    Parameters
    ----------
    model : the state.
    commands : whose keys the tooltips tell.
    """

    def __init__(self, model: ViewerModel, commands: Sequence[Command] = COMMANDS) -> None:
        super().__init__()
        self._model = model
        self._commands = commands
        self.sort = self._list("sort", lambda sort: f"by {sort}")
        for place, name in enumerate(OPTIONS["sort"].choices):
            self.sort.setItemData(place, NUMBERS.get(name, "number of the unit"), Qt.ItemDataRole.ToolTipRole)
        self.reverse = QToolButton()
        self.reverse.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.reverse.setToolTip(self._hint("toggle_reverse_order"))
        self.reverse.clicked.connect(lambda: self._set("reverse_order", not self._model.reverse_order))
        self.filter = _Line()
        self.filter.setFont(theme.small(self.font()))
        self.filter.setPlaceholderText(EXAMPLE)
        self.filter.setToolTip(f"{self._hint('filter_units')}\n" + "\n".join(f"{n}: {w}" for n, w in NUMBERS.items()))
        self.filter.editingFinished.connect(lambda: self._set("unit_filter", self.filter.text().strip()))
        self.count = QLabel()
        self.count.setStyleSheet(f"color: {theme.DIM};")
        self.frames = self._list("frame_kind", lambda kind: "no frames" if kind == "off" else f"frames: {kind}")
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 3, 6, 3)
        row.setSpacing(4)
        for widget, stretch in ((self.sort, 0), (self.reverse, 0), (self.filter, 1), (self.count, 0), (self.frames, 0)):
            row.addWidget(widget, stretch)
        self.setFixedHeight(self.sizeHint().height())

    def show_state(self, state: DisplayState) -> None:
        """Follow the state."""
        self.sort.setCurrentIndex(self.sort.findData(state.sort))
        self.frames.setCurrentIndex(self.frames.findData(state.frame_kind))
        self.reverse.setText("↑" if state.reverse_order else "↓")
        if not self.filter.hasFocus() or not state.unit_filter:
            self.filter.setText(state.unit_filter)
        all_units = state.layer.units
        self.count.setText(f"{state.grid.units} of {all_units}" if state.grid.units < all_units else f"{all_units}")

    def edit_filter(self) -> None:
        """Let the user type a filter."""
        self.filter.setFocus()
        self.filter.selectAll()

    def _list(self, field: str, words: Callable[[str], str]) -> QComboBox:
        choices = OPTIONS[field].choices
        widget = QComboBox()
        widget.setFont(theme.small(self.font()))
        widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        widget.setToolTip(self._hint(f"next_{field}"))
        for choice in choices:
            widget.addItem(words(choice), choice)
        widget.setFixedWidth(max(widget.fontMetrics().horizontalAdvance(words(choice)) for choice in choices) + 32)
        widget.activated.connect(lambda place: self._set(field, widget.itemData(place)))
        return widget

    def _hint(self, action: str) -> str:
        command = command_of(action, self._commands)
        return f"{command.text} ({keys_text(command)})"

    def _set(self, field: str, value: Any) -> None:
        if getattr(self._model, field) != value:
            setattr(self._model, field, value)


class _Line(QLineEdit):
    """Gives the keys back to the window with Enter and Esc."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setClearButtonEnabled(True)
        self.setMinimumWidth(80)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave the line with Enter and Esc."""
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
            self.clearFocus()
