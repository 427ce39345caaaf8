"""Opening pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from deepvis.controllers.lanes import Problem
from deepvis.sources import open_images
from deepvis.sources.opening import Cutting
from deepvis.views.actions.registry import window_action
from prototxt.errors import InputError

if TYPE_CHECKING:
    from deepvis.views.window import Window


@window_action("open_pictures")
def open_pictures(window: Window) -> None:
    """Ask for a folder and show its pictures."""
    folder = QFileDialog.getExistingDirectory(window, "Folder of pictures")
    if not folder:
        return
    try:
        window.controller.set_images(
            open_images(folder, cutting=Cutting(window.controller.session.engine.model.frames))
        )
    except InputError as error:
        window.show_problem(Problem(str(error)))
