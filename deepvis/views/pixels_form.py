"""The fields of a preprocessing: each is edited by itself, and says below it what is wrong with what was typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QLineEdit, QWidget

from deepvis.pixels.fields import FIELDS
from deepvis.views import theme

_PLACES = {  # row and column of each field
    "channel_order": (0, 0),
    "raw_scale": (1, 0),
    "mean": (0, 1),
    "std": (1, 1),
    "resize": (2, 0),
    "interpolation": (3, 0),
    "crop": (2, 1),
}


class PixelsForm(QWidget):
    """The fields of `deepvis.pixels.fields.FIELDS`.

    Parameters
    ----------
    typed : gets the name of the field and what was typed, at every key.
    """

    def __init__(self, typed: Callable[[str, str], None]) -> None:
        super().__init__()
        self._typed = typed
        self.edits: dict[str, QLineEdit | QComboBox] = {}
        self.errors: dict[str, QLabel] = {}
        self.grid = QGridLayout(self)
        self.grid.setContentsMargins(0, 0, 0, 0)
        self.grid.setVerticalSpacing(3)
        self.grid.setHorizontalSpacing(8)
        self.grid.setColumnStretch(1, 2)
        self.grid.setColumnStretch(3, 3)
        for name, (line, place) in _PLACES.items():
            self.edits[name] = self._edit(name)
            self.errors[name] = self._error()
            self.grid.addWidget(QLabel(FIELDS[name].title), 2 * line, 2 * place)
            self.grid.addWidget(self.edits[name], 2 * line, 2 * place + 1)
            self.grid.addWidget(self.errors[name], 2 * line + 1, 2 * place, 1, 2)

    def _edit(self, name: str) -> QLineEdit | QComboBox:
        field = FIELDS[name]
        edit: QLineEdit | QComboBox
        if field.suggestions or field.closed:
            edit = QComboBox(editable=not field.closed)
            edit.addItems(field.suggestions)
            signal = edit.textActivated if field.closed else edit.editTextChanged
        else:
            edit = QLineEdit()
            signal = edit.textEdited
        signal.connect(partial(self._typed, name))
        edit.setToolTip(f"{field.title}: {field.hint}")
        edit.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        return edit

    def _error(self) -> QLabel:
        label = QLabel(wordWrap=True)
        label.setFont(theme.small(self.font()))
        label.setStyleSheet(f"color: {theme.ACCENT};")
        label.hide()
        return label

    def offer(self, name: str, choices: Iterable[str]) -> None:
        """Let a field be one of these."""
        edit = self.edits[name]
        assert isinstance(edit, QComboBox)
        edit.clear()
        edit.addItems(list(choices))

    def text(self, name: str) -> str:
        """What stands in a field."""
        edit = self.edits[name]
        return edit.text() if isinstance(edit, QLineEdit) else edit.currentText()

    def write(self, texts: Mapping[str, str]) -> None:
        """Write into fields; this is no edit of theirs."""
        for name, text in texts.items():
            edit = self.edits[name]
            edit.blockSignals(True)
            if isinstance(edit, QLineEdit):
                edit.setText(text)
            else:
                edit.setCurrentText(text)
            edit.blockSignals(False)
            self.tell(name, "")

    def tell(self, name: str, sentence: str) -> None:
        """Say at a field what is wrong; nothing takes it back."""
        self.errors[name].setText(sentence)
        self.errors[name].setVisible(bool(sentence))
