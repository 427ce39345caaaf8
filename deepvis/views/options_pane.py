"""The options at the far right: each row is a field of the state, made from one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from deepvis.state.viewer import (
    BACK_MODES,
    BACK_VIEWS,
    BOOSTS,
    COLORMAPS,
    FITS,
    GAMMAS,
    LAYER_MODES,
    OVERLAYS,
    PAIR_VIEWS,
    SCALES,
    SOURCES,
    ZOOMS,
    ViewerModel,
)
from deepvis.views import theme
from deepvis.views.keys import COMMANDS, Command, command_of, keys_text


@dataclass(frozen=True)
class Option:
    """One row.

    Parameters
    ----------
    field : of `ViewerModel`; ``origin`` is a switch that freezes the unit.
    text : its label.
    action : whose key is shown beside it.
    choices : of a list; empty for a switch.
    """

    field: str
    text: str
    action: str
    choices: Sequence[Any] = ()


GROUPS: dict[str, tuple[Option, ...]] = {
    "Back-propagation": (
        Option("back_mode", "Mode", "next_back_mode", BACK_MODES),
        Option("back_view", "View", "next_back_view", BACK_VIEWS),
        Option("origin", "Freeze origin", "toggle_origin"),
        Option("show_diffs", "Diffs in the grid", "toggle_diffs"),
    ),
    "Colours": (
        Option("colormap", "Map", "next_colormap", COLORMAPS),
        Option("scale", "Scale", "next_scale", SCALES),
        Option("gamma", "Gamma", "next_gamma", GAMMAS),
        Option("boost", "Lift units", "next_boost", BOOSTS),
        Option("overlay", "Overlay", "next_overlay", OVERLAYS),
    ),
    "Show": (
        Option("layer_mode", "Layer", "next_layer_mode", LAYER_MODES),
        Option("first_only", "One picture per unit", "toggle_first_only"),
        Option("zoom", "Middle", "next_zoom", ZOOMS),
        Option("before_activation", "Before activation", "toggle_before"),
        Option("show_classes", "Classes", "toggle_classes"),
        Option("show_patches", "Patches", "toggle_patches"),
        Option("show_values", "Values", "toggle_values"),
    ),
    "Input": (
        Option("source", "Source", "toggle_camera", SOURCES),
        Option("frozen", "Freeze", "toggle_freeze"),
        Option("fit", "Fit", "next_fit", FITS),
        Option("pair_view", "Pair", "next_pair_view", PAIR_VIEWS),
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
        for title, options in GROUPS.items():
            head = QLabel(title)
            head.setFont(theme.bold(self.font()))
            column.addWidget(head)
            for option in options:
                column.addLayout(self._row(option))
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

    def _row(self, option: Option) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(6)
        command = command_of(option.action, self._commands)
        keys = keys_text(command)
        key = QLabel(keys.split()[0] if len(keys.split()[0]) == 1 else "")
        key.setFixedWidth(12)
        key.setStyleSheet(f"color: {theme.DIM};")
        widget = self._list(option) if option.choices else self._switch(option)
        widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        widget.setToolTip(f"{command.text} ({keys})")
        self.rows[option.field] = widget
        if option.choices:
            line.addWidget(QLabel(option.text))
            line.addStretch(1)
        line.addWidget(widget, 0 if option.choices else 1)
        line.addWidget(key)
        return line

    def _list(self, option: Option) -> QComboBox:
        widget = QComboBox()
        metrics = self.fontMetrics()
        texts = ["over inactive", *map(str, option.choices)]
        widget.setFixedWidth(max(metrics.horizontalAdvance(text) for text in texts) + 34)
        for choice in option.choices:
            widget.addItem(f"{choice:g}" if isinstance(choice, float) else str(choice), choice)
        widget.activated.connect(lambda place: setattr(self._model, option.field, widget.itemData(place)))
        return widget

    def _switch(self, option: Option) -> QCheckBox:
        widget = QCheckBox(option.text)
        widget.clicked.connect(lambda: self.acted.emit(option.action))
        return widget
