"""What keys and menus do that is of the window itself, not of the state: dialogues, files, the clipboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from deepvis.registry import Registry

if TYPE_CHECKING:
    from deepvis.views.window import Window

WindowAction = Callable[["Window"], None]

WINDOW_ACTIONS: Registry[WindowAction] = Registry("action")


def window_action(name: str) -> Callable[[WindowAction], WindowAction]:
    """Register the decorated function for the `deepvis.keys.Command` whose action is ``name``."""

    def register(action: WindowAction) -> WindowAction:
        WINDOW_ACTIONS.add(name, action)
        return action

    return register
