"""Qt's application with the look of the window, and whether there is a display for it."""

from __future__ import annotations

import os
import sys

from PySide6.QtCore import QSettings, QSize
from PySide6.QtWidgets import QApplication, QWidget

from deepvis.errors import ModelError
from deepvis.views.theme import apply_theme


def make_application(points: int) -> QApplication:
    """Make Qt's application with the look of the window, or give the look to the one that there is.

    OpenCV points Qt at plugins and fonts of its own; both variables are taken away first.
    """
    for name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
        os.environ.pop(name, None)
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication(["deepvis"])
    apply_theme(app, points)
    return app


def check_display() -> None:
    """Raise a `ModelError` if there is no display to open a window on."""
    has_none = not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if sys.platform.startswith("linux") and has_none and os.environ.get("QT_QPA_PLATFORM") is None:
        raise ModelError("there is no display to open a window on; use `deepvis snapshot`, or ssh -X, or xvfb-run")


def window_memory() -> QSettings:
    """Where the window keeps its place and size, and the arrangement of its panes."""
    return QSettings("deepvis", "window")


def resize_to_fit(window: QWidget, size: tuple[int, int]) -> None:
    """Give a window a size (width, height), or less where its screen is smaller."""
    window.resize(QSize(*size).boundedTo(window.screen().availableSize()))
