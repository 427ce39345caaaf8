"""Order and frames of the units in the grid: made beside the window, shown while they fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from deepvis.compute.frames import UnitFrames, h_frames, rate_frames, threshold_frames
from deepvis.compute.order import GREATEST_FIRST, needed, order_units, parse_filter, passes
from deepvis.controllers.lanes import Lane, Problem
from deepvis.controllers.sources import Sources
from deepvis.controllers.steps import Steps
from deepvis.controllers.unit_values import LIVE, unit_values
from deepvis.errors import SettingsError
from deepvis.state.net_info import UnitOrder
from deepvis.state.resolve import DisplayState
from prototxt.common.errors import InputError

ORDERED_BY = ("layer", "order")
FRAMED_BY = ("layer", "frames")
"""Fields and groups of the state that order and frames depend on."""
Wanted = Callable[[], bool]


class GridUnits:
    """Keeps the order of the units and asks for their frames.

    Parameters
    ----------
    lane : where both are made.
    ordered : called when the order is known.
    framed : gets other frames.
    fail : gets a problem.
    """

    def __init__(
        self,
        lane: Lane,
        ordered: Callable[[], None],
        framed: Callable[[UnitFrames], None],
        fail: Callable[[Problem], None],
    ) -> None:
        self.order: UnitOrder | None = None
        self._ordering, self._framing = Steps(lane, "order"), Steps(lane, "frames")
        self._ordered, self._framed, self._fail = ordered, framed, fail

    def ask_order(self, state: DisplayState, sources: Sources, wanted: Wanted) -> None:
        """Order the units as the state wishes; nothing is asked while the net has not answered what is needed."""
        if is_natural(state):
            self._take(None)
            return
        if sources.values is None and is_live(state):
            return
        self._ordering.run(making_order(state, sources), self._take, self._give_up, wanted)

    def ask_frames(self, state: DisplayState, sources: Sources, wanted: Wanted) -> None:
        """Frame the units as the state wishes."""
        self._framing.run(making_frames(state, sources), self._framed, self._fail, wanted)

    def forget(self) -> None:
        """There is another model."""
        self.order = None

    def _take(self, order: UnitOrder | None) -> None:
        self.order = order
        self._ordered()

    def _give_up(self, problem: Problem) -> None:
        self._take(None)
        self._fail(problem)


def is_natural(state: DisplayState) -> bool:
    """Whether all units are shown in their own order."""
    return state.sort == "unit" and not state.reverse_order and not state.unit_filter.strip()


def is_live(state: DisplayState) -> bool:
    """Whether the order depends on the picture; a filter that cannot be read does not."""
    try:
        return bool(needed(state.sort, parse_filter(state.unit_filter)) & set(LIVE))
    except InputError:
        return False


def making_order(state: DisplayState, sources: Sources) -> Iterator[UnitOrder]:
    """Sort and filter; a `SettingsError` where no unit passes the filter."""
    conditions = parse_filter(state.unit_filter)
    values = unit_values(needed(state.sort, conditions), state, sources)
    keep = passes(conditions, values, sources.session.engine.net.classes) if conditions else None
    if keep is not None and not keep.any():
        raise SettingsError(f"filter of units: no unit of {state.layer.name} has {state.unit_filter}; all are shown")
    descending = (state.sort in GREATEST_FIRST) != state.reverse_order
    yield UnitOrder(state.layer.name, order_units(state.layer.units, values.get(state.sort), descending, keep))


def making_frames(state: DisplayState, sources: Sources) -> Iterator[UnitFrames]:
    """Frames of the state's kind, or why there are none."""
    layer = state.layer.name
    if state.frame_kind == "off":
        yield UnitFrames()
        return
    try:
        if state.frame_kind == "rate":
            yield rate_frames(unit_values(["rate"], state, sources)["rate"])
            return
        facts, bits = sources.session.facts, unit_values(["H"], state, sources)["H"]
        assert facts is not None, "there is H"
        if state.frame_kind == "H":
            yield h_frames(bits, max(float(facts.filters.table.h.max()), float(np.max(bits))))
        elif layer in facts.filters.table.layers:
            threshold = state.threshold if state.threshold is not None else facts.filters.usual_threshold
            yield threshold_frames(facts.filters, layer, threshold)
        else:
            yield UnitFrames(missing=f"{layer} is not measured: a threshold frees or freezes convolutions")
    except InputError as error:
        yield UnitFrames(missing=str(error))
