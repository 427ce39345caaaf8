"""What went wrong, in a bar inside the window: a sentence, its details, a button that copies both."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from deepvis.controllers.lanes import Problem
from deepvis.views import theme


class ErrorBar(QWidget):
    """Hidden while all is well; never takes the focus and never stands in the way."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("problem")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setStyleSheet(
            f"#problem, #problem QLabel {{ background: {theme.BAD}; }} #problem QPlainTextEdit {{ border: none; }}"
        )
        self._problem = Problem("")
        self.sentence = QLabel(wordWrap=True)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.details = QPlainTextEdit(readOnly=True)
        self.details.setFixedHeight(140)
        self.details_button = _button("Details", self._toggle)
        self.copy_button = _button("Copy", self._copy)
        self.close_button = _button("✕", self.clear)
        row = QHBoxLayout()
        row.addWidget(self.sentence, 1)
        for button in (self.details_button, self.copy_button, self.close_button):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 5, 8, 5)
        layout.addLayout(row)
        layout.addWidget(self.details)
        self.clear()

    def show_problem(self, problem: Problem) -> None:
        """Show a problem in the place of the one before."""
        self._problem = problem
        self.sentence.setText(problem.sentence)
        self.details.setPlainText(problem.details)
        self.details.hide()
        self.details_button.setVisible(bool(problem.details))
        self.show()

    def clear(self) -> None:
        """Take the bar away."""
        self.hide()
        self.details.hide()

    def _toggle(self) -> None:
        self.details.setVisible(self.details.isHidden())

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(f"{self._problem.sentence}\n{self._problem.details}".strip())


def _button(text: str, action: object) -> QPushButton:
    button = QPushButton(text)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.clicked.connect(action)
    return button
