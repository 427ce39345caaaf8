"""What of a window can be saved by itself: its panes by name, those that are open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QWidget

from deepvis.controllers.panes.registry import PANES

if TYPE_CHECKING:
    from deepvis.views.window import Window


@dataclass(frozen=True, eq=False)
class Saveable:
    """A pane that is on screen; ``title`` is what menus call it."""

    title: str
    widget: QWidget


def saveable(window: Window) -> dict[str, Saveable]:
    """The panes that are on screen, by key, as they are from left to right."""
    return {key: pane for key, pane in _all(window) if pane.widget.isVisibleTo(window)}


def pane_at(window: Window, place: QPoint | None = None) -> str:
    """Key of the pane at a place of the screen, the pointer's if none is given; empty where there is none."""
    point = place if place is not None else QCursor.pos()
    panes = saveable(window).items()
    return next((key for key, pane in panes if pane.widget.rect().contains(pane.widget.mapFromGlobal(point))), "")


def _all(window: Window) -> Iterator[tuple[str, Saveable]]:
    yield "input", Saveable("Input", window.input_pane)
    yield "classes", Saveable("Classes", window.classes_pane)
    yield "unit", Saveable("Selected unit", window.unit_pane)
    yield "back", Saveable("Back-propagation", window.back_pane)
    yield "layer", Saveable("Layer", window.middle)
    yield "facts", Saveable("Patches and histogram", window.facts_pane)
    for name in window.docks.open_panes:
        yield name, Saveable(PANES[name].title, window.docks.widget(name))
