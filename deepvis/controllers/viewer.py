"""The window's controller: the state changes, it asks for what is missing, and shows the answers that still fit."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from deepvis.camera import Camera
from deepvis.compute.engine import Activations, BackResult, Frame
from deepvis.compute.facts import Facts
from deepvis.controllers import present
from deepvis.controllers.actions import ACTIONS
from deepvis.controllers.contents import (
    ClassesContent,
    FactsContent,
    GridContent,
    ImageContent,
    View,
)
from deepvis.controllers.lanes import Lane, Outcome, Problem, Start
from deepvis.controllers.present import LayerValues
from deepvis.controllers.status import status_content
from deepvis.images import ImageFiles
from deepvis.models.net_info import NetInfo
from deepvis.models.resolve import DisplayState, resolve
from deepvis.models.viewer import BackMode, Origin, ViewerModel
from prototxt.graph import Value


class Runner(Protocol):
    """What the controller needs of `deepvis.compute.engine.Engine`."""

    net: NetInfo

    @property
    def red_channel(self) -> int:
        """Channel of the input blob that is red."""

    def forward(self, frame: Frame) -> Activations:
        """Run the net on a frame."""

    def backward(self, activations: Activations, origin: Origin, mode: BackMode, targets: list[Value]) -> BackResult:
        """Carry a unit's map back."""


@dataclass
class Session:
    """What the window looks at.

    Parameters
    ----------
    engine : runs the model.
    images : the pictures; None where there are none.
    facts : what a scan says; None where there is none, and then ``facts_missing`` says what to do.
    camera : the camera, opened when it is first read.
    """

    engine: Runner
    images: ImageFiles | None = None
    facts: Facts | None = None
    facts_missing: str = "No scan for this model yet: run `deepvis scan` on a folder of pictures"
    camera: Camera = field(default_factory=Camera)


class ViewerController:
    """Ties the state, the computations and the window together; every method runs on the window's thread.

    Parameters
    ----------
    session : what is looked at.
    model : the state; whoever changes it, the window follows.
    view : the window.
    start : runs a function beside the window, see `deepvis.controllers.lanes.Lane`.
    """

    def __init__(self, session: Session, model: ViewerModel, view: View, start: Start) -> None:
        self.session = session
        self.model = model
        self.view = view
        self.net = session.engine.net
        self.state: DisplayState | None = None
        self.activations: Activations | None = None
        self.back: BackResult | None = None
        self.failed: list[Problem] = []
        self.lanes = {name: Lane(start) for name in ("net", "draw", "disk", "camera")}
        self._aspect = 1.0
        self._scene = 0
        self._ranges: dict[Value, tuple[float, float]] = {}
        self._problem_of = ""
        self._rate = 0.0
        self._last = 0.0
        model.events.connect(self._changed)

    @property
    def idle(self) -> bool:
        """Whether nothing is being computed."""
        return all(lane.idle for lane in self.lanes.values())

    def start(self) -> None:
        """Show the state for the first time."""
        self._refresh()

    def close(self) -> None:
        """Stop listening and asking; the answer of what still runs is dropped."""
        self.model.events.disconnect(self._changed)
        for lane in self.lanes.values():
            lane.close()

    def release(self) -> None:
        """Let camera and scan go; to be called when nothing runs any more."""
        self.session.camera.close()
        if self.session.facts is not None:
            self.session.facts.close()

    # -- what the user does -----------------------------------------------------------------------------------------

    def do(self, action: str) -> None:
        """Carry out an action of `deepvis.controllers.actions.ACTIONS`."""
        assert self.state is not None, "start() comes first"
        ACTIONS[action](self.model, self.state, self.net)

    def select_unit(self, unit: int) -> None:
        """Select a unit of the layer that is shown."""
        self.model.unit = unit

    def select_layer(self, name: str) -> None:
        """Show another layer."""
        self.model.layer = name

    def set_aspect(self, aspect: float) -> None:
        """Lay the grid out for a pane that is ``aspect`` times as wide as it is high."""
        self._aspect = aspect
        if self.state is not None:
            self._refresh()

    def set_images(self, images: ImageFiles) -> None:
        """Show the first of other pictures."""
        self.session.images = images
        self.model.source = "files"
        self.model.picture = 0
        self.state = None
        self._refresh()

    def ask_whole(self, rank: int) -> None:
        """Show the whole picture of a patch of the selected unit."""
        state, facts = self.state, self.session.facts
        if state is None or facts is None:
            return
        layer, unit = state.layer.name, state.unit

        def done(outcome: Outcome) -> None:
            if outcome.problem is None:
                self.view.show_whole(rank, outcome.result)
            else:
                self._fail("scan", outcome.problem)

        self.lanes["disk"].submit("whole", lambda: facts.whole(layer, unit, rank), done, self._same_unit(state))

    # -- from state to requests -------------------------------------------------------------------------------------

    def _changed(self, *_: object) -> None:
        self._refresh()

    def _refresh(self) -> None:
        """Follow the state: show at once what is there, ask for what is not."""
        pictures = len(self.session.images) if self.session.images else 0
        old, new = self.state, resolve(self.model, self.net, pictures, self._aspect)
        if new == old:
            return
        self.state = new
        self.view.show_state(new)

        def changed(*names: str) -> bool:
            return old is None or any(getattr(old, name) != getattr(new, name) for name in names)

        if changed("source", "picture"):
            self._new_scene()
        elif changed("frozen") and not new.frozen:
            self._grab()
        if changed("origin", "back_mode") or (new.grid_shows_diffs and changed("grid_shows_diffs", "value")):
            self._ask_back()
        if changed("layer", "value", "grid", "grid_shows_diffs", "colormap", "scale", "gamma", "boost"):
            self._ask_grid()
        if changed("layer", "unit", "show_patches"):
            self._ask_facts()
        self._show_pictures()

    def _new_scene(self) -> None:
        """Another picture or source: answers for the one before are out of date."""
        self._scene += 1
        self._rate = self._last = 0.0
        assert self.state is not None
        if self.state.source == "camera":
            self._grab()
            return
        if self.lanes["camera"].idle:
            self.session.camera.close()
        images, index, scene = self.session.images, self.state.picture, self._scene
        if images is None or index < 0:
            self.activations = None
            return
        name, place = images.path(index).name, f"{index + 1}/{len(images)}"
        self._ask_forward(lambda: Frame(name, images.read(index), place, scene))

    def _grab(self) -> None:
        """Ask the camera for its next frame; while the net works on it, the one after is already taken."""
        if self.state is None or self.state.source != "camera" or self.state.frozen:
            return
        camera, scene = self.session.camera, self._scene

        def done(outcome: Outcome) -> None:
            if outcome.problem is not None:
                self._fail("camera", outcome.problem)
                self.model.source = "files"
                return
            self._succeed("camera")
            self._ask_forward(lambda: outcome.result)

        def give_up() -> bool:
            wanted = self._scene == scene
            if not wanted and self.state is not None and self.state.source != "camera":
                camera.close()
            return wanted

        self.lanes["camera"].submit("frame", lambda: Frame("camera", camera.read(), scene=scene), done, give_up)

    def _ask_forward(self, read: Callable[[], Frame]) -> None:
        engine, scene = self.session.engine, self._scene

        def done(outcome: Outcome) -> None:
            if outcome.problem is not None:
                self._lose_picture(outcome.problem)
            else:
                self._accept(outcome.result)
            self._grab()

        self.lanes["net"].submit("forward", lambda: engine.forward(read()), done, lambda: self._scene == scene)

    def _accept(self, activations: Activations) -> None:
        """A frame has gone through the net: show it and ask for what depends on it."""
        self._succeed("picture")
        self.activations = activations
        for value, (low, high) in activations.ranges.items():
            known = self._ranges.get(value, (low, high))
            self._ranges[value] = (min(low, known[0]), max(high, known[1]))
        now = time.perf_counter()
        if self._last:
            self._rate = (
                1 / max(now - self._last, 1e-6) if not self._rate else 0.9 * self._rate + 0.1 / (now - self._last)
            )
        self._last = now
        self._ask_back()
        self._ask_grid()
        self._show_pictures()

    def _measure_rate(self) -> None:
        """Frames per second, smoothed over about ten frames."""
        now = time.perf_counter()
        if self._last:
            rate = 1 / max(now - self._last, 1e-6)
            self._rate = 0.9 * self._rate + 0.1 * rate if self._rate else rate
        self._last = now

    def _lose_picture(self, problem: Problem) -> None:
        self.activations = self.back = None
        self._fail("picture", problem)
        self._ask_grid()
        self._show_pictures()

    def _ask_back(self) -> None:
        state, activations, engine = self.state, self.activations, self.session.engine
        if state is None or state.origin is None or activations is None:
            self.back = None
            return
        origin, mode, scene = state.origin, state.back_mode, self._scene
        targets = [state.value] if state.grid_shows_diffs else []

        def wanted() -> bool:
            now = self.state
            return now is not None and (now.origin, now.back_mode, self._scene) == (origin, mode, scene)

        def done(outcome: Outcome) -> None:
            if outcome.problem is not None:
                self.back = None
                self._fail("back-propagation", outcome.problem)
            else:
                self.back = outcome.result
                self._succeed("back-propagation")
            if state.grid_shows_diffs:
                self._ask_grid()
            self._show_pictures()

        self.lanes["net"].submit("back", lambda: engine.backward(activations, origin, mode, targets), done, wanted)

    def _ask_grid(self) -> None:
        state, values = self.state, self._values()
        if state is None or values is None:
            self.view.show_grid(GridContent(missing=self._waiting()))
            return

        def draw() -> GridContent:
            return present.grid_content(state, values)

        def wanted() -> bool:
            now = self.state
            return now is not None and (now.value, now.grid, now.grid_shows_diffs) == (
                state.value,
                state.grid,
                state.grid_shows_diffs,
            )

        def done(outcome: Outcome) -> None:
            if outcome.problem is not None:
                self._fail("drawing", outcome.problem)
            else:
                self.view.show_grid(outcome.result)

        self.lanes["draw"].submit("grid", draw, done, wanted)

    def _ask_facts(self) -> None:
        state, facts = self.state, self.session.facts
        if state is None or not state.show_patches:
            return
        if facts is None:
            self.view.show_facts(FactsContent(missing=self.session.facts_missing))
            return
        if not state.layer.has_filters:
            missing = f"{state.layer.name} ({state.layer.type}) has no filters of its own: scans hold layers that have"
            self.view.show_facts(FactsContent(missing=missing))
            return
        layer, unit, stale = state.layer.name, state.unit, facts.stale or ""

        def done(outcome: Outcome) -> None:
            if outcome.problem is not None and outcome.problem.details:
                self._fail("scan", outcome.problem)
            missing = outcome.problem.sentence if outcome.problem else ""
            self.view.show_facts(FactsContent(outcome.result, missing, stale))

        self.lanes["disk"].submit("facts", lambda: facts.unit(layer, unit), done, self._same_unit(state))

    def _same_unit(self, state: DisplayState) -> Callable[[], bool]:
        return lambda: self.state is not None and self.state.unit_text == state.unit_text

    # -- what is shown at once --------------------------------------------------------------------------------------

    def _values(self) -> LayerValues | None:
        """The values of the layer that is shown; None while they are not there."""
        state = self.state
        if state is None:
            return None
        value = state.value
        if not state.grid_shows_diffs:
            found = self.activations
            return None if found is None else LayerValues(found.maps[value], self._ranges[value])
        back = self.back
        if back is None or value not in back.maps or back.origin != state.origin:
            return None
        return LayerValues(back.maps[value], None)

    def _waiting(self) -> str:
        if self.session.images is None and self.state is not None and self.state.source == "files":
            return "No pictures: open a folder with Ctrl+O, or press c for the camera"
        return "No picture to show" if self._problem_of == "picture" else "Waiting for the net"

    def _show_pictures(self) -> None:
        """Draw the small panes from what is there; none of it takes the time of a frame."""
        state, found = self.state, self.activations
        if state is None:
            return
        values = self._values()
        seen = None if found is None else found.seen
        if found is None:
            self.view.show_input(ImageContent("Input", missing=self._waiting()))
        else:
            self.view.show_input(present.input_content(state, found, values))
        self.view.show_unit(present.unit_content(state, values, seen))
        self.view.show_back(present.back_content(state, self.back, seen, self.session.engine.red_channel))
        if state.show_classes:
            self.view.show_classes(present.classes_content(self.net, found) if found else ClassesContent())
        facts = self.session.facts
        self.view.show_status(status_content(state, found, values, self._rate, facts))

    def _fail(self, kind: str, problem: Problem) -> None:
        self._problem_of = kind
        self.failed.append(problem)
        self.view.show_problem(problem)

    def _succeed(self, kind: str) -> None:
        if self._problem_of == kind:
            self._problem_of = ""
            self.view.clear_problem()
