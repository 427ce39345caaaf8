"""Panes that can be opened beside the fixed ones: what is registered here is in the menu Panes and in the state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from deepvis.controllers.sources import Sources
from deepvis.state.resolve import DisplayState
from prototxt.common.registry import Registry

Make = Callable[[DisplayState, Sources], Iterator[Any]]


@dataclass(frozen=True)
class Pane:
    """What a pane shows; the widget of the same name in `deepvis.views.panes` draws it.

    Parameters
    ----------
    title : in the menu and above the pane.
    make : runs beside the window while the pane is open; yields contents, more complete every time.
    follows : fields of the state, or groups of them (`deepvis.state.option.Group`), that it depends on; when one
        changes it is made anew.
    live : whether it depends on the picture, and is made anew for every frame.
    lane : where it is made: ``"disk"``, or ``"net"`` if it runs the net, which does one thing at a time.
    height : in pixels, of its dock at first.
    """

    title: str
    make: Make
    follows: tuple[str, ...] = ("layer", "unit")
    live: bool = False
    lane: Literal["disk", "net"] = "disk"
    height: int = 200


PANES: Registry[Pane] = Registry("pane")


def pane(
    name: str,
    title: str,
    *,
    follows: tuple[str, ...] = ("layer", "unit"),
    live: bool = False,
    lane: Literal["disk", "net"] = "disk",
    height: int = 200,
) -> Callable[[Make], Make]:
    """Register the decorated function as the maker of a pane's contents; see `Pane`."""
    return PANES.register(name, make=lambda make: Pane(title, make, follows, live, lane, height))
