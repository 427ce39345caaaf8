"""Which widget draws which pane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from PySide6.QtWidgets import QWidget

from deepvis.controllers.viewer import ViewerController
from prototxt.common.registry import Registry


class PaneWidget(Protocol):
    """What a pane's widget has; it is made with the controller, and is a ``QWidget``.

    One that has a method ``show_state(state)`` besides is told of every new state at once, such as to mark the selected
    unit in a content that does not depend on it.
    """

    def show_content(self, content: Any) -> None:
        """Draw what the pane's maker in `deepvis.controllers.panes` gave."""


Widget = TypeVar("Widget", bound=Callable[[ViewerController], QWidget])

PANE_WIDGETS: Registry[Callable[[ViewerController], QWidget]] = Registry("pane widget")


def pane_widget(name: str) -> Callable[[Widget], Widget]:
    """Register the decorated class as the widget of the pane ``name``."""
    return PANE_WIDGETS.register(name)
