"""The middle of the window: makes the chosen view of a layer, and keeps finished ones that no picture changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator

from deepvis.controllers.contents import GridContent
from deepvis.controllers.lanes import Lane, Problem
from deepvis.controllers.layer_views.registry import LAYER_VIEWS, LayerView
from deepvis.controllers.sources import Sources
from deepvis.controllers.steps import Steps
from deepvis.state.resolve import DisplayState

KEPT = 4  # finished views; the largest take 64 MB each


class LayerShow:
    """Shows the views of layers.

    Parameters
    ----------
    lane : where they are made.
    show : draws a content.
    fail : gets a problem.
    """

    def __init__(self, lane: Lane, show: Callable[[GridContent], None], fail: Callable[[Problem], None]) -> None:
        self._steps = Steps(lane, "grid")
        self._show = show
        self._fail = fail
        self._kept: OrderedDict[Hashable, GridContent] = OrderedDict()

    @property
    def seconds(self) -> float:
        """How long the newest step of a view took."""
        return self._steps.seconds

    def ask(self, state: DisplayState, sources: Sources, wanted: Callable[[], bool]) -> None:
        """Show the layer of ``state``; ``wanted`` is asked after every step, False ends the work."""
        view = LAYER_VIEWS[state.layer_mode]
        key = None if view.live else state.values_of(view.made_from)
        if key in self._kept:
            self._kept.move_to_end(key)
            self._show(self._kept[key])
            return
        self._steps.run(self._making(view, state, sources, key), self._show, self._fail, wanted)

    def forget(self) -> None:
        """Keep nothing: another model is looked at."""
        self._kept.clear()

    def _making(self, view: LayerView, state: DisplayState, sources: Sources, key: Hashable) -> Iterator[GridContent]:
        content = None
        for content in view.make(state, sources):
            yield content
        if key is not None and content is not None and content.pixels is not None:
            self._kept[key] = content
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
