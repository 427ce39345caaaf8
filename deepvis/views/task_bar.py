"""Long work in the status bar: what it is, how far it is, and a button that cancels it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QToolButton, QWidget

from prototxt.common.progress import Progress


class TaskBar(QWidget):
    """Hidden while nothing runs."""

    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("task")
        self.title = QLabel()
        self.bar = QProgressBar()
        self.bar.setFixedWidth(160)
        self.bar.setTextVisible(True)
        self.cancel = QToolButton()
        self.cancel.setText("✕")
        self.cancel.setToolTip("Cancel")
        self.cancel.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.cancel.clicked.connect(self.cancelled)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 8, 0)
        for widget in (self.title, self.bar, self.cancel):
            row.addWidget(widget)
        self.hide()

    def show_progress(self, title: str, progress: Progress | None) -> None:
        """Show how far the work is; None hides the bar, a total of 0 shows that something goes on."""
        self.setVisible(progress is not None)
        if progress is None:
            return
        self.title.setText(progress.what or title)
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
