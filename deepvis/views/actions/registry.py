"""What keys and menus do that is of the window itself, not of the state: dialogues, files, the clipboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deepvis.controllers.lanes import Problem
from deepvis.views.window_protocol import Fill, Open, WindowAction, WindowProtocol
from prototxt.common.errors import InputError
from prototxt.common.registry import Registry

WINDOW_ACTIONS: Registry[WindowAction] = Registry("action")
SUBMENUS: Registry[Fill] = Registry("submenu")
OPENS: Registry[Open] = Registry("way to open")


def window_action(name: str) -> Callable[[WindowAction], WindowAction]:
    """Register the decorated function for the `deepvis.views.keys.Command` whose action is ``name``."""

    def register(action: WindowAction) -> WindowAction:
        WINDOW_ACTIONS.add(name, action)
        return action

    return register


def submenu(name: str) -> Callable[[Fill], Fill]:
    """Register the decorated function as what fills the submenu of a command, each time that it opens."""

    def register(fill: Fill) -> Fill:
        SUBMENUS.add(name, fill)
        return fill

    return register


def opens(kind: str) -> Callable[[Open], Open]:
    """Register what opens a kind of `deepvis.model.kinds.KINDS`; the function gets all paths by kind."""

    def register(function: Open) -> Open:
        OPENS.add(kind, function)
        return function

    return register


@contextmanager
def sentences(window: WindowProtocol) -> Iterator[None]:
    """Turn an `InputError` inside the block into a sentence in the window's bar."""
    try:
        yield
    except InputError as error:
        window.show_problem(Problem(str(error)))
