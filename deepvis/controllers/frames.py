"""From the choice of a picture or the camera to what the net answers: reading and forward passes, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from deepvis.controllers.lanes import Lane, Outcome, Problem
from deepvis.engines.engine import Activations, Frame
from deepvis.errors import ImageError
from deepvis.session.session import Session
from deepvis.sources import Images
from deepvis.sources.names import short_name
from deepvis.sources.player import Player
from deepvis.state.options import Fit
from deepvis.state.resolve import DisplayState
from prototxt.pixels.samples import Sample


class Rate:
    """Frames per second, smoothed over about ten frames; 0 until there are two."""

    def __init__(self) -> None:
        self.value = 0.0
        self._last = 0.0

    @property
    def ticked(self) -> bool:
        """Whether there was a frame."""
        return self._last > 0

    def tick(self) -> None:
        """A frame is there."""
        now = time.perf_counter()
        if self._last:
            rate = 1 / max(now - self._last, 1e-6)
            self.value = 0.9 * self.value + 0.1 * rate if self.value else rate
        self._last = now


class Frames:
    """Reads the picture or the camera's frames that the state asks for and sends them through the net.

    Parameters
    ----------
    lanes : the lanes called ``camera`` and ``net`` are used.
    state : gives what is shown now; None before there is anything.
    accept : gets what the net answered to a frame, if it is still wanted.
    fail : gets ``"picture"`` or ``"camera"`` and the problem; after it the camera is asked no more.
    """

    def __init__(
        self,
        session: Session,
        lanes: Mapping[str, Lane],
        state: Callable[[], DisplayState | None],
        accept: Callable[[Activations], None],
        fail: Callable[[str, Problem], None],
    ) -> None:
        self.session = session
        self.scene = 0
        self.rate = Rate()
        self.seconds = 0.0
        """How long the newest forward pass took, decoding included."""
        self._lanes = lanes
        self._state = state
        self._accept = accept
        self._fail = fail
        self._player: Player | None = None
        self._reads = False  # whether the next frame of this scene is being read

    def new_scene(self) -> bool:
        """Begin with another picture, source or session: answers for the one before are out of date.

        Returns
        -------
        Whether there is anything to read.
        """
        self._begin_scene()
        self.close()
        state, images = self._state(), self.session.images
        assert state is not None
        if state.source != "camera" and self._lanes["camera"].idle:
            self.session.camera.close()
        if state.source == "playing":
            self._player = None if images is None else Player(images, state.picture)
        if state.is_live:
            self.grab()
            return True
        index, scene, fit = state.picture, self.scene, state.fit
        if images is None or index < 0:
            return False
        self._forward(lambda: _frame_of(images, index, images.read(index), scene, fit))
        return True

    def renew(self, held: Frame | None) -> None:
        """Send what is shown through the net again: what comes before the net has changed.

        Parameters
        ----------
        held : the frame that is shown; if it is frozen there is no other.
        """
        state = self._state()
        assert state is not None
        if held is None or not (state.is_live and state.frozen):
            self.new_scene()
            return
        self._begin_scene()
        again = replace(held, scene=self.scene, fit=state.fit)
        self._forward(lambda: again)

    def grab(self) -> None:
        """Ask for the next frame of what is live; while the net works on one, the one after is already taken."""
        state = self._state()
        if state is None or not state.is_live:
            return
        if state.frozen:
            if self._player is not None:
                self._player.pause(state.picture + self.rate.ticked)
            return
        if self._reads or not self._lanes["net"].takes_ahead("forward"):
            return  # asked for again when there is a frame, or an answer
        self._reads = True
        camera, scene = self.session.camera, self.scene

        def done(outcome: Outcome) -> None:
            self._reads = False
            if outcome.problem is not None:
                self._fail("camera", outcome.problem)
            else:
                self._forward(lambda: outcome.result, live=True)
                self.grab()

        def wanted() -> bool:
            now = self._state()
            if self.scene != scene and now is not None and now.source != "camera":
                camera.close()
            return self.scene == scene

        self._lanes["camera"].submit("frame", self._next_frame(state), done, wanted)

    def _next_frame(self, state: DisplayState) -> Callable[[], Frame]:
        """What waits for the next frame, beside the window."""
        camera, scene, fit, player = self.session.camera, self.scene, state.fit, self._player
        if state.source == "camera":
            return lambda: Frame("camera", camera.read(), scene=scene, fit=fit)

        def play() -> Frame:
            if player is None:
                raise ImageError("there are no pictures to play: open a folder or a video")
            index, sample = player.read()
            return replace(_frame_of(player.images, index, sample, scene, fit), picture=index)

        return play

    def close(self) -> None:
        """Let go who waits for the next picture to play."""
        if self._player is not None:
            self._player.stop()
        self._player = None

    @property
    def _holds(self) -> bool:
        """Whether what is shown is frozen; a first frame is still to come in."""
        state = self._state()
        return state is not None and state.frozen and self.rate.ticked

    def _begin_scene(self) -> None:
        self.scene += 1
        self.rate = Rate()
        self._reads = False

    def _forward(self, read: Callable[[], Frame], live: bool = False) -> None:
        engine, scene = self.session.engine, self.scene

        def done(outcome: Outcome) -> None:
            out_of_date = self.scene != scene or (live and self._holds)
            if not out_of_date and outcome.problem is not None:
                self._fail("picture", outcome.problem)
            elif not out_of_date:
                self.rate.tick()
                self.seconds = outcome.seconds
                self._accept(outcome.result)
            self.grab()  # after an answer that is out of date too: there is room for the next frame now

        self._lanes["net"].submit("forward", lambda: engine.forward(read()), done, ahead=live)


def _frame_of(images: Images, index: int, sample: Sample, scene: int, fit: Fit) -> Frame:
    """One of the pictures, with its name, place and class."""
    label = int(images.labels[index])
    named = images.classes[label] if 0 <= label < len(images.classes) else ""
    return Frame(short_name(images.paths[index]), sample, f"{index + 1}/{len(images)}", scene, fit, label, named)
