"""The options at the far right: each row is a field of the state, made from one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from deepvis.state.viewer import OPTIONS, ViewerModel
from deepvis.views import theme
from deepvis.views.keys import COMMANDS, Command, command_of, keys_text


@dataclass(frozen=True)
class Row:
    """One row.

    Parameters
    ----------
    field : of `ViewerModel`, with choices: a switch where they are off and on, else a list; ``origin`` is a switch that
        freezes the unit.
    text : its label.
    action : whose key is shown beside it, and which a switch does; by default the one that goes to the next choice.
    """

    field: str
    text: str
    action: str = ""

    @property
    def choices(self) -> Sequence[Any]:
        """Of a list; none for a switch."""
        choices = OPTIONS[self.field].choices
        return () if choices == (False, True) else choices

    @property
    def does(self) -> str:
        """The action."""
        return self.action or f"{'next' if self.choices else 'toggle'}_{self.field}"


GROUPS: dict[str, tuple[Row, ...]] = {
    "Back-propagation": (
        Row("back_mode", "Mode"),
        Row("back_view", "View"),
        Row("origin", "Freeze origin"),
        Row("show_diffs", "Diffs in the grid"),
    ),
    "Colours": (
        Row("colormap", "Map"),
        Row("scale", "Scale"),
        Row("gamma", "Gamma"),
        Row("boost", "Lift units"),
        Row("overlay", "Overlay"),
    ),
    "Show": (
        Row("layer_mode", "Layer"),
        Row("first_only", "One picture per unit"),
        Row("zoom", "Middle"),
        Row("before_activation", "Before activation"),
        Row("show_classes", "Classes"),
        Row("show_patches", "Patches"),
        Row("show_values", "Values"),
    ),
    "Input": (
        Row("source", "Source", "toggle_camera"),
        Row("frozen", "Freeze"),
        Row("fit", "Fit"),
        Row("pair_view", "Pair"),
    ),
}


class OptionsPane(QScrollArea):
    """Rows for `GROUPS`; a change by the user sets the state, a change of the state moves the rows.

    Parameters
    ----------
    model : the state.
    commands : whose keys are shown.
    """

    acted = Signal(str)

    def __init__(self, model: ViewerModel, commands: Sequence[Command] = COMMANDS) -> None:
        super().__init__()
        self._commands = commands
        self.setObjectName("options")
        self._model = model
        self.rows: dict[str, QComboBox | QCheckBox] = {}
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        body = QWidget()
        body.setStyleSheet(f"QWidget {{ background: {theme.PANEL}; }} QComboBox {{ background: {theme.RAISED}; }}")
        column = QVBoxLayout(body)
        column.setContentsMargins(10, 6, 10, 8)
        column.setSpacing(3)
        for title, rows in GROUPS.items():
            head = QLabel(title)
            head.setFont(theme.bold(self.font()))
            column.addWidget(head)
            for row in rows:
                column.addLayout(self._line(row))
            column.addSpacing(4)
        column.addStretch(1)
        self.setWidget(body)

    def follow(self) -> None:
        """Move every row to what the state says."""
        for field, row in self.rows.items():
            value = getattr(self._model, field)
            row.blockSignals(True)
            if isinstance(row, QComboBox):
                if row.findData(value) < 0:
                    row.addItem(str(value), value)
                row.setCurrentIndex(row.findData(value))
            else:
                row.setChecked(bool(value))
            row.blockSignals(False)

    def _line(self, row: Row) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(6)
        command = command_of(row.does, self._commands)
        keys = keys_text(command)
        key = QLabel(keys.split()[0] if keys and len(keys.split()[0]) == 1 else "")
        key.setFixedWidth(12)
        key.setStyleSheet(f"color: {theme.DIM};")
        widget = self._list(row) if row.choices else self._switch(row)
        widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        widget.setToolTip(f"{command.text} ({keys})" if keys else command.text)
        self.rows[row.field] = widget
        if row.choices:
            line.addWidget(QLabel(row.text))
            line.addStretch(1)
        line.addWidget(widget, 0 if row.choices else 1)
        line.addWidget(key)
        return line

    def _list(self, row: Row) -> QComboBox:
        widget = QComboBox()
        metrics = self.fontMetrics()
        texts = ["over inactive", *map(str, row.choices)]
        widget.setFixedWidth(max(metrics.horizontalAdvance(text) for text in texts) + 34)
        for choice in row.choices:
            widget.addItem(f"{choice:g}" if isinstance(choice, float) else str(choice), choice)
        widget.activated.connect(lambda place: setattr(self._model, row.field, widget.itemData(place)))
        return widget

    def _switch(self, row: Row) -> QCheckBox:
        widget = QCheckBox(row.text)
        widget.clicked.connect(lambda: self.acted.emit(row.does))
        return widget
