"""The window's controller: the state changes, it asks for what is missing, and shows the answers that still fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deepvis.controllers.actions import ACTIONS
from deepvis.controllers.contents import GridContent, View
from deepvis.controllers.frames import Frames
from deepvis.controllers.grid_units import FRAMED_BY, ORDERED_BY, GridUnits, is_live
from deepvis.controllers.lanes import Lane, Outcome, Problem, Start
from deepvis.controllers.layer_show import LayerShow
from deepvis.controllers.layer_views.registry import LAYER_VIEWS
from deepvis.controllers.open_panes import OpenPanes
from deepvis.controllers.problems import Problems
from deepvis.controllers.ranges import Ranges
from deepvis.controllers.scan_facts import ScanFacts
from deepvis.controllers.small_panes import SmallPanes
from deepvis.controllers.sources import LayerValues, Range, Sources
from deepvis.controllers.status import Speed
from deepvis.controllers.tasks import Tasks
from deepvis.engines.engine import Activations, BackResult
from deepvis.session.session import Session
from deepvis.sources import Images
from deepvis.state.net_info import NetInfo
from deepvis.state.resolve import DisplayState, resolve
from deepvis.state.viewer import ViewerModel
from prototxt.pixels.preprocess import Preprocessing


class ViewerController:
    """Ties the state, the computations and the window together; every method runs on the window's thread.

    Parameters
    ----------
    session : what is looked at.
    model : the state; whoever changes it, the window follows.
    view : the window.
    start_on : gives what runs a function beside the window, by name of a lane; see `deepvis.controllers.lanes.Lane`.
    """

    def __init__(self, session: Session, model: ViewerModel, view: View, start_on: Callable[[str], Start]) -> None:
        self.session = session
        self.model = model
        self.view = view
        self.state: DisplayState | None = None
        self.activations: Activations | None = None
        self.back: BackResult | None = None
        self.lanes = {name: Lane(start_on(name)) for name in ("net", "draw", "disk", "camera", "task")}
        self._problems = Problems(view)
        self.frames = Frames(session, self.lanes, lambda: self.state, self._accept, self._lose)
        self.tasks = Tasks(self.lanes["task"], view.show_progress, self._failing("task"))
        self._layer = LayerShow(self.lanes["draw"], view.show_grid, self._failing("drawing"))
        self._units = GridUnits(self.lanes["disk"], self._reorder, view.show_frames, self._failing("order"))
        self._panes = OpenPanes(self.lanes, view.show_pane, self._problems.fail, self.sources, self._as_long_as)
        self._small = SmallPanes(view)
        self._facts = ScanFacts(
            self.lanes["disk"], view, lambda: self.session, lambda: self.state, self._failing("scan")
        )
        self._aspect = 1.0
        self._ranges = Ranges()
        self._back_seconds = 0.0
        model.events.connect(self._changed)

    @property
    def net(self) -> NetInfo:
        """The net at hand."""
        return self.session.engine.net

    @property
    def failed(self) -> list[Problem]:
        """Every problem so far."""
        return self._problems.all

    @property
    def timings(self) -> dict[str, float]:
        """Seconds of the newest forward pass, back-propagation and drawing."""
        return {
            "forward": self.frames.seconds,
            "back-propagation": self._back_seconds,
            "drawing": self._layer.seconds,
        }

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
        self.frames.close()
        for lane in self.lanes.values():
            lane.close()
        self.session.engine.close()  # so that nothing waits for an answer that nobody wants

    def release(self) -> None:
        """Let camera and scan go; to be called when nothing runs any more."""
        self.session.close()

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

    def set_images(self, images: Images) -> None:
        """Show the first of other pictures."""
        self.session.images = images
        self.model.source = "files"
        self.model.picture = 0
        self.state = None
        self._refresh()

    def set_preprocessing(self, preprocessing: Preprocessing) -> None:
        """Bring pictures to the net in another way; what is on screen stays until the net has answered."""
        self.session = self.frames.session = self.session.with_preprocessing(preprocessing)
        self._facts.ask_stale(self._show_pictures)
        if self.state is None:
            return
        self.frames.renew(self.activations.frame if self.activations else None)
        self._panes.ask_all(self.state)
        if not LAYER_VIEWS[self.state.layer_mode].live:
            self._ask_layer()

    @property
    def levels(self) -> Range | None:
        """Least and greatest value of the layer that is shown, in all pictures so far; None before there is one."""
        return None if self.state is None else self._ranges.get(self.state.value)

    def begin_with(self, levels: Range) -> None:
        """Take values as seen of the layer that is shown: they count for its scale as those of a picture do."""
        self._ranges.see(self.session.engine, {resolve(self.model, self.net).value: levels})

    def set_session(
        self,
        session: Session,
        wishes: Mapping[str, Any] | None = None,
        levels: Range | None = None,
    ) -> None:
        """Look at something else: another model, device or scan. What the old session holds is let go.

        Parameters
        ----------
        wishes : fields of the state that change with it.
        levels : see `begin_with`.
        """
        with self.model.events.blocked():
            for name, value in (wishes or {}).items():
                setattr(self.model, name, value)
        old, self.session, self.frames.session = self.session, session, session
        self.activations = self.back = self.state = None
        self._layer.forget()
        self._units.forget()
        self._ranges.forget()
        if levels is not None:
            self.begin_with(levels)
        self.view.show_session(session)
        self._refresh()
        kept = (session.camera, session.facts)
        if old.engine.network is not session.engine.network:
            self.lanes["net"].submit("close", old.engine.close, lambda outcome: None)
        if old.camera not in kept:
            self.lanes["camera"].submit("close", old.camera.close, lambda outcome: None)
        if old.facts is not None and old.facts not in kept:
            self.lanes["disk"].submit("close", old.facts.close, lambda outcome: None)

    def remake(self, pane: str, layer_mode: str) -> None:
        """Make a pane and a view of the layer anew where they are shown: what they are made from has changed."""
        if self.state is None:
            return
        self._panes.ask(pane, self.state)
        if self.state.layer_mode == layer_mode:
            self._ask_layer()

    def ask_whole(self, rank: int) -> None:
        """Show the whole picture of a patch of the selected unit."""
        self._facts.ask_whole(rank)

    # -- from state to requests -------------------------------------------------------------------------------------

    def _changed(self, *_: object) -> None:
        self._refresh()

    def _refresh(self) -> None:
        """Follow the state: show at once what is there, ask for what is not."""
        pictures = len(self.session.images) if self.session.images else 0
        old, new = self.state, resolve(self.model, self.net, pictures, self._aspect, self._units.order)
        if new == old:
            return
        self.state = new
        self.view.show_state(new)

        def changed(*names: str) -> bool:
            return old is None or new.differs(old, names)

        if changed("source") or (not new.is_live and changed("picture")):
            if not self.frames.new_scene():
                self.activations = None
        elif changed("fit"):
            self.frames.renew(self.activations.frame if self.activations else None)
        elif changed("frozen") and not new.frozen:
            self.frames.grab()
        if changed("origin", "back_mode") or (new.grid_shows_diffs and changed("grid_shows_diffs", "value")):
            self._ask_back()
        if changed(*LAYER_VIEWS[new.layer_mode].made_from):
            self._ask_layer()
        if changed("layer", "unit", "show_patches"):
            self._facts.ask()
        self._ask_units(changed)
        self._panes.follow(old, new)
        self._show_pictures()

    def _accept(self, activations: Activations) -> None:
        """A frame has gone through the net: show it and ask for what depends on it."""
        self._problems.succeed("picture")
        self._problems.tell(self.session.engine.notice())
        if self.state is not None and self.state.is_live:
            self._problems.succeed("camera")
        self.activations = activations
        if self.state is not None and activations.frame.picture >= 0:
            with self.model.events.blocked():  # where it halts; what follows from the picture is asked for below
                self.model.picture = activations.frame.picture
            self.state = self.state.model_copy(update={"picture": activations.frame.picture})
        self._ranges.see(self.session.engine, activations.ranges)
        self._ask_back()
        self._ask_what_is_live()
        self._show_pictures(self.state is not None and self.state.is_live)

    def _lose(self, kind: str, problem: Problem) -> None:
        """There is no picture, or no camera: then the files are shown again."""
        self._problems.fail(kind, problem)
        if kind == "camera":
            self.model.source = "files"
            return
        self.activations = self.back = None
        self._ask_what_is_live()
        self._show_pictures()

    def _ask_what_is_live(self) -> None:
        """Make anew what depends on the picture."""
        state = self.state
        if state is None:
            return
        if is_live(state) and (state.source == "files" or self._units.order is None):
            self._ask_order()
        if LAYER_VIEWS[state.layer_mode].live:
            self._ask_layer()
        self._panes.ask_live(state)

    def _ask_units(self, changed: Callable[..., bool]) -> None:
        """Order and frame the units anew where what they depend on has changed."""
        if self.state is not None and changed(*FRAMED_BY):
            self._units.ask_frames(self.state, self.sources(), self._as_long_as(self.state, FRAMED_BY))
        if changed(*ORDERED_BY):
            self._ask_order()

    def _reorder(self) -> None:
        self._problems.succeed("order")
        self._refresh()

    def _ask_order(self) -> None:
        if self.state is not None:
            self._units.ask_order(self.state, self.sources(), self._as_long_as(self.state, ORDERED_BY))

    def _as_long_as(self, state: DisplayState, names: tuple[str, ...]) -> Callable[[], bool]:
        """Whether session and these fields of the state are the ones of now."""
        session = self.session

        def wanted() -> bool:
            return session is self.session and self.state is not None and not self.state.differs(state, names)

        return wanted

    def _ask_back(self) -> None:
        state, activations, engine = self.state, self.activations, self.session.engine
        if state is None or state.origin is None or activations is None:
            self.back = None
            return
        origin, mode, scene = state.origin, state.back_mode, self.frames.scene
        targets = [state.value] if state.grid_shows_diffs else []

        def wanted() -> bool:
            now = self.state
            return now is not None and (now.origin, now.back_mode, self.frames.scene) == (origin, mode, scene)

        def done(outcome: Outcome) -> None:
            if outcome.problem is not None:
                self.back = None
                self._problems.fail("back-propagation", outcome.problem)
            else:
                self.back, self._back_seconds = outcome.result, outcome.seconds
                self._problems.succeed("back-propagation")
                self._problems.tell(self.session.engine.notice())
            if state.grid_shows_diffs:
                self._ask_what_is_live()
            self._show_pictures()

        self.lanes["net"].submit("back", lambda: engine.backward(activations, origin, mode, targets), done, wanted)

    def _ask_layer(self) -> None:
        """Make the middle: the way to show the layer that is chosen."""
        state, sources = self.state, self.sources()
        if state is None:
            return
        view = LAYER_VIEWS[state.layer_mode]
        if view.live and sources.values is None:
            self.view.show_grid(GridContent(missing=self._waiting()))
            return
        self._layer.ask(state, sources, self._as_long_as(state, view.fits_while))

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

    def sources(self) -> Sources:
        """What views and panes are made from now."""
        return Sources(self.session, self._values(), self.activations, self.back)

    def _waiting(self) -> str:
        if self.session.images is None and self.state is not None and self.state.source == "files":
            return (
                "No pictures: open a folder with Ctrl+O, a list or a video with Ctrl+I, paste a picture with Ctrl+V, or"
                " press c for the camera"
            )
        return "No picture to show" if self._problems.are_of("picture") else "Waiting for the net"

    def _show_pictures(self, live: bool = False) -> None:
        """Draw the small panes; ``live``: for one of many frames."""
        if self.state is not None:
            speed = Speed(self.frames.rate.value, self.timings)
            self._small.show(self.state, self.sources(), self._waiting(), speed, live)

    def _failing(self, kind: str) -> Callable[[Problem], None]:
        """What to call when something of a kind fails."""
        return lambda problem: self._problems.fail(kind, problem)
