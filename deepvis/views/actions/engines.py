"""Choosing what runs the net."""

from __future__ import annotations

from deepvis.controllers.engines import switching
from deepvis.controllers.tasks import Task
from deepvis.engines.choices import Choice, choices
from deepvis.views.actions.registry import window_action
from deepvis.views.window_protocol import WindowProtocol


@window_action("next_engine")
def next_engine(window: WindowProtocol) -> None:
    """Go on to the next engine that is there."""
    session = window.controller.session
    there = [choice for choice in choices(session.settings.caffe_python) if not choice.missing]
    names = [choice.name for choice in there]
    now = session.engine.name
    choose_engine(window, there[(names.index(now) + 1) % len(there) if now in names else 0])


def choose_engine(window: WindowProtocol, choice: Choice) -> None:
    """Start an engine beside the window; when it is ready, it takes over."""
    controller = window.controller
    if choice.name == controller.session.engine.name:
        return
    session = controller.session
    work = switching(session, choice.name, choice.title)
    controller.tasks.start(Task(f"Start {choice.title}", work, controller.set_session))
