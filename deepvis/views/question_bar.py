"""A question to the user in a bar inside the window: a sentence and a few fields; it never stands in the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from deepvis.views import theme

_SIGN = 8  # pixels of width for an expected letter


@dataclass(frozen=True)
class Field:
    """One thing that is asked for.

    Parameters
    ----------
    name : by which the answer is given.
    label : before it.
    value : at the start.
    choices : to choose from; other text can be typed too.
    hint : grey, while it is empty.
    letters : about how long an answer is.
    """

    name: str
    label: str
    value: str = ""
    choices: Sequence[str] = ()
    hint: str = ""
    letters: int = 20


@dataclass(frozen=True)
class Question:
    """What is asked, and what is done with the answers by name.

    Parameters
    ----------
    sentence : what is known and what is missing.
    fields : what is asked for.
    button : what the answer does, such as ``Convert``.
    accept : gets the answers.
    """

    sentence: str
    fields: tuple[Field, ...]
    button: str
    accept: Callable[[Mapping[str, str]], None]


class QuestionBar(QWidget):
    """Hidden while nothing is asked; Enter answers, Esc leaves it."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("question")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setStyleSheet(
            f"#question, #question QLabel {{ background: {theme.RAISED}; }}"
            f"#question {{ border-left: 3px solid {theme.ACCENT}; }}"
            f"#question QLineEdit, #question QComboBox {{ background: {theme.GROUND}; }}"
        )
        self.sentence = QLabel(wordWrap=True)
        self.inputs: dict[str, QLineEdit | QComboBox] = {}
        self.accept_button = self._button("", self._accept)
        self.close_button = self._button("✕", self.clear)
        self._row = QHBoxLayout()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 6, 8, 6)
        layout.addWidget(self.sentence)
        layout.addLayout(self._row)
        self._question: Question | None = None
        self.hide()

    def ask(self, question: Question) -> None:
        """Ask in the place of what was asked before."""
        self.clear()
        self._question = question
        self.sentence.setText(question.sentence)
        for field in question.fields:
            self._row.addWidget(QLabel(field.label))
            self.inputs[field.name] = self._input(field)
            self._row.addWidget(self.inputs[field.name])
        self.accept_button.setText(question.button)
        self._row.addWidget(self.accept_button)
        self._row.addStretch(1)
        self._row.addWidget(self.close_button)
        for button in (self.accept_button, self.close_button):
            button.show()
        self.show()
        next(iter(self.inputs.values())).setFocus()

    def clear(self) -> None:
        """Take the question away, unanswered."""
        self._question = None
        self.inputs = {}
        while (item := self._row.takeAt(0)) is not None:
            widget = item.widget()
            if widget in (self.accept_button, self.close_button):
                widget.hide()
            elif widget is not None:
                widget.hide()
                widget.deleteLater()
        self.hide()

    def answers(self) -> dict[str, str]:
        """What stands in the fields now."""
        return {name: _text(widget).strip() for name, widget in self.inputs.items()}

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let Enter answer and Esc leave while one types."""
        if isinstance(event, QKeyEvent) and event.type() in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress):
            action = {
                Qt.Key.Key_Escape: self.clear,
                Qt.Key.Key_Return: self._accept,
                Qt.Key.Key_Enter: self._accept,
            }.get(Qt.Key(event.key()))
            if action is not None:
                event.accept()
                if event.type() == QEvent.Type.KeyPress:
                    action()
                return True
        return super().eventFilter(watched, event)

    def _accept(self) -> None:
        question, answers = self._question, self.answers()
        self.clear()
        window = self.window()
        window.setFocus()
        if question is not None:
            question.accept(answers)

    def _input(self, field: Field) -> QLineEdit | QComboBox:
        if not field.choices:
            line = QLineEdit(field.value, placeholderText=field.hint)
            line.setMinimumWidth(field.letters * _SIGN)
            line.installEventFilter(self)
            return line
        combo = QComboBox(editable=True)
        combo.addItems(list(field.choices))
        combo.setMinimumWidth(field.letters * _SIGN)
        combo.setCurrentText(field.value)
        edit = combo.lineEdit()
        assert edit is not None
        edit.setPlaceholderText(field.hint)
        edit.installEventFilter(self)
        return combo

    def _button(self, text: str, action: Callable[[], None]) -> QPushButton:
        button = QPushButton(text, self)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(action)
        return button


def _text(widget: QLineEdit | QComboBox) -> str:
    return widget.currentText() if isinstance(widget, QComboBox) else widget.text()
