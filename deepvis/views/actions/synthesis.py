"""Making a picture of the selected unit."""

from __future__ import annotations

from pathlib import Path

from deepvis.controllers.lanes import Problem
from deepvis.controllers.tasks import Task
from deepvis.synthesis.folder import synthesise_kept
from deepvis.views.actions.registry import window_action
from deepvis.views.window_protocol import WindowProtocol

PANE = "unit_images"
LAYER_MODE = "synthesised images"


@window_action("synthesise_unit")
def synthesise_unit(window: WindowProtocol) -> None:
    """Make one more picture that drives the selected unit; it is kept, and shown with the others of the unit."""
    controller = window.controller
    state, engine = controller.state, controller.session.engine
    if state is None:
        return
    if state.layer.name not in engine.model.unit_layers:
        where = f"{state.layer.name} ({state.layer.type})"
        window.show_problem(Problem(f"{where} has no units of its own; choose a convolution or fully connected layer"))
        return

    def done(folder: Path) -> None:
        if PANE in controller.model.panes:
            controller.remake(PANE, LAYER_MODE)
        else:
            controller.remake("", LAYER_MODE)
            controller.model.panes = (*controller.model.panes, PANE)

    work = synthesise_kept(engine.model, state.layer.name, state.unit, str(engine.device))
    controller.tasks.start(Task(f"Synthesise {state.unit_text}", work, done))
