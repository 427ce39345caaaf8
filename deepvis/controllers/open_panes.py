"""The further panes that are open: each is made anew when what it follows has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deepvis.controllers.lanes import Lane, Problem
from deepvis.controllers.panes.registry import PANES
from deepvis.controllers.sources import Sources
from deepvis.controllers.steps import Steps
from deepvis.state.resolve import DisplayState

Wanted = Callable[[], bool]


class OpenPanes:
    """Makes the contents of panes.

    Parameters
    ----------
    lanes : where they are made, by name.
    show : draws the content of a pane.
    fail : gets a problem of a pane.
    sources : gives what they are made from now.
    as_long_as : for a state, gives whether fields of it are still those of now; see `ViewerController`.
    """

    def __init__(
        self,
        lanes: Mapping[str, Lane],
        show: Callable[[str, Any], None],
        fail: Callable[[str, Problem], None],
        sources: Callable[[], Sources],
        as_long_as: Callable[[DisplayState, tuple[str, ...]], Wanted],
    ) -> None:
        self._steps = {name: Steps(lanes[kind.lane], f"pane {name}") for name, kind in PANES.items()}
        self._show, self._fail = show, fail
        self._sources = sources
        self._as_long_as = as_long_as
        self._open: tuple[str, ...] = ()

    def follow(self, old: DisplayState | None, new: DisplayState) -> None:
        """Make anew the panes that are new or follow what has changed."""
        self._open = tuple(name for name in new.panes if name in PANES)
        for name in self._open:
            if old is None or name not in old.panes or new.differs(old, PANES[name].follows):
                self.ask(name, new)

    def ask_live(self, state: DisplayState) -> None:
        """Make anew what depends on the picture."""
        for name in self._open:
            if PANES[name].live:
                self.ask(name, state)

    def ask_all(self, state: DisplayState) -> None:
        """Make all of them anew."""
        for name in self._open:
            self.ask(name, state)

    def ask(self, name: str, state: DisplayState) -> None:
        """Make a pane anew, if it is open."""
        if name not in self._open:
            return
        same = self._as_long_as(state, PANES[name].follows)
        self._steps[name].run(
            PANES[name].make(state, self._sources()),
            lambda content: self._show(name, content),
            lambda problem: self._fail(f"pane {name}", problem),
            lambda: same() and name in self._open,
        )
