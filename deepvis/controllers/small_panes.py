"""The panes around the middle and the status line: drawn at once from what is there."""

from __future__ import annotations

import time

from deepvis.controllers import present
from deepvis.controllers.contents import ClassesContent, ImageContent, View
from deepvis.controllers.sources import Sources
from deepvis.controllers.status import Speed, status_content
from deepvis.state.resolve import DisplayState

STATUS_SECONDS = 0.2  # that a status line of live frames stands


class SmallPanes:
    """Draws input, classes, selected unit, back-propagation and status; none of it takes the time of a frame.

    Parameters
    ----------
    view : the window.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._status_at = 0.0

    def show(self, state: DisplayState, sources: Sources, waiting: str, speed: Speed, live: bool = False) -> None:
        """Draw all of them.

        Parameters
        ----------
        waiting : what to say where there is no picture.
        speed : for the status line.
        live : whether this is one of many frames; the numbers of the status line then change slowly enough to be read.
        """
        found, net = sources.activations, sources.session.engine.net
        values, seen = sources.values, None if found is None else found.seen
        if found is None:
            self._view.show_input(ImageContent("Input", missing=waiting))
        else:
            self._view.show_input(present.input_content(state, found, values, net))
        self._view.show_unit(present.unit_content(state, values, seen, net.unit_names(state.layer.name)))
        part = None if found is None else found.seen_of(state.pair_view)
        self._view.show_back(present.back_content(state, sources.back, part, sources.session.engine.red_channel))
        if state.show_classes:
            self._view.show_classes(present.classes_content(net, found) if found else ClassesContent())
        now = time.monotonic()
        if not live or now - self._status_at >= STATUS_SECONDS:
            self._status_at = now
            self._view.show_status(status_content(state, sources, speed))
