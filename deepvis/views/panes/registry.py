"""Which widget draws which pane."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtWidgets import QWidget

from deepvis.controllers.viewer import ViewerController
from prototxt.common.registry import Registry

Widget = TypeVar("Widget", bound=Callable[[ViewerController], QWidget])

PANE_WIDGETS: Registry[Callable[[ViewerController], QWidget]] = Registry("pane widget")


def pane_widget(name: str) -> Callable[[Widget], Widget]:
    """Register the decorated class as the widget of the pane ``name``: a ``QWidget`` that is made with the controller.

    Its ``show_content(content)`` draws what the pane's maker in `deepvis.controllers.panes` gave. One that has a method
    ``show_state(state)`` besides is told of every new state at once, such as to mark the selected unit in a content
    that does not depend on it.
    """
    return PANE_WIDGETS.register(name)
