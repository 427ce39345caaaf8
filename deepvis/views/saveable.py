"""What of a window can be saved by itself: its panes by key, those that are on screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QPoint
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QWidget


@dataclass(frozen=True, eq=False)
class Saveable:
    """A pane that is on screen; ``title`` is what menus call it."""

    title: str
    widget: QWidget


def pane_at(panes: Mapping[str, Saveable], place: QPoint | None = None) -> str:
    """Key of the pane at a place of the screen, the pointer's if none is given; empty where there is none."""
    point = place if place is not None else QCursor.pos()
    inside = (key for key, pane in panes.items() if pane.widget.rect().contains(pane.widget.mapFromGlobal(point)))
    return next(inside, "")
