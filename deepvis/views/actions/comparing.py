"""Opening what the net is compared with."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from PySide6.QtWidgets import QFileDialog

from deepvis.compute.compare import After
from deepvis.controllers.tasks import Task
from deepvis.model.model import Model
from deepvis.settings.settings import override
from deepvis.views.actions.registry import window_action
from deepvis.views.window_protocol import WindowProtocol
from prototxt.common.progress import Progress

PANE = "compare"


@window_action("open_after")
def open_after(window: WindowProtocol) -> None:
    """Ask for the weights after fine-tuning and open the pane that compares."""
    file, _ = QFileDialog.getOpenFileName(
        window.widget, "Weights after fine-tuning", "", "Weights (*.caffemodel *.caffemodel.h5 *.h5);;Any file (*)"
    )
    if file:
        compare_with(window, Path(file))


def compare_with(window: WindowProtocol, path: Path) -> None:
    """Compare the net with the weights of a file."""
    controller = window.controller
    model = controller.session.engine.model

    def done(after: After) -> None:
        session = controller.session
        controller.set_session(replace(session, after=after, settings=override(session.settings, after=path)))
        if PANE not in controller.model.panes:
            controller.model.panes = (*controller.model.panes, PANE)

    controller.tasks.start(Task(f"Open {path.name}", _reading(path, model), done))


def _reading(path: Path, model: Model) -> Generator[Progress, None, After]:
    yield Progress(0, 1, f"read {path.name}")
    return After.read(path, model)
