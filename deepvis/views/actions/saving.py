"""Saving and copying what is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog

from deepvis.controllers.lanes import Problem
from deepvis.views.actions.registry import window_action

if TYPE_CHECKING:
    from deepvis.views.window import Window


@window_action("save_picture")
def save_picture(window: Window) -> None:
    """Ask for a file and save the window as it is."""
    state = window.controller.state
    name = f"deepvis_{state.unit_text.replace(':', '_').replace('/', '_')}.png" if state else "deepvis.png"
    path, _ = QFileDialog.getSaveFileName(window, "Save the window", name, "Pictures (*.png *.jpg *.bmp)")
    if path and not window.grab().save(path):
        window.show_problem(Problem(f"{path}: cannot be written; choose another place or a .png name"))


@window_action("copy_picture")
def copy_picture(window: Window) -> None:
    """Put the window as a picture on the clipboard."""
    QGuiApplication.clipboard().setPixmap(window.grab())
