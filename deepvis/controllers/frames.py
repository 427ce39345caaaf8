"""From the choice of a picture or the camera to what the net answers: reading and forward passes, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from deepvis.compute.engine import Activations, Frame
from deepvis.controllers.lanes import Lane, Outcome, Problem
from deepvis.controllers.session import Session
from deepvis.models.resolve import DisplayState
from deepvis.sources.names import short_name


class Rate:
    """Frames per second, smoothed over about ten frames; 0 until there are two."""

    def __init__(self) -> None:
        self.value = 0.0
        self._last = 0.0

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

    def new_scene(self) -> bool:
        """Begin with another picture, source or session: answers for the one before are out of date.

        Returns
        -------
        Whether there is anything to read.
        """
        self.scene += 1
        self.rate = Rate()
        state = self._state()
        assert state is not None
        if state.source == "camera":
            self.grab()
            return True
        if self._lanes["camera"].idle:
            self.session.camera.close()
        images, index, scene, fit = self.session.images, state.picture, self.scene, state.fit
        if images is None or index < 0:
            return False
        name, place = short_name(images.paths[index]), f"{index + 1}/{len(images)}"
        label = int(images.labels[index])
        self._forward(lambda: Frame(name, images.read(index), place, scene, fit, label))
        return True

    def grab(self) -> None:
        """Ask the camera for its next frame; while the net works on it, the one after is already taken."""
        state = self._state()
        if state is None or state.source != "camera" or state.frozen:
            return
        camera, scene, fit = self.session.camera, self.scene, state.fit

        def done(outcome: Outcome) -> None:
            if outcome.problem is not None:
                self._fail("camera", outcome.problem)
            else:
                self._forward(lambda: outcome.result)

        def wanted() -> bool:
            now = self._state()
            if self.scene != scene and now is not None and now.source != "camera":
                camera.close()
            return self.scene == scene

        self._lanes["camera"].submit(
            "frame", lambda: Frame("camera", camera.read(), scene=scene, fit=fit), done, wanted
        )

    def _forward(self, read: Callable[[], Frame]) -> None:
        engine, scene = self.session.engine, self.scene

        def done(outcome: Outcome) -> None:
            if outcome.problem is not None:
                self._fail("picture", outcome.problem)
            else:
                self.rate.tick()
                self.seconds = outcome.seconds
                self._accept(outcome.result)
            self.grab()

        self._lanes["net"].submit("forward", lambda: engine.forward(read()), done, lambda: self.scene == scene)
