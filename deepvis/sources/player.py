"""Plays images as if they were what a camera sees."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from deepvis.errors import ImageError
from deepvis.sources import Images
from deepvis.sources.names import FRAME, frames_of, split_name, split_pair
from prototxt.pixels.samples import Sample

PICTURE = 1.0  # seconds that a picture is shown that is no frame of a video


class Player:
    """Videos at their own speed, pictures one a second; after the last image comes the first.

    When whoever reads is slower than that, images are left out, as with a camera. What cannot be read is left out too.

    Parameters
    ----------
    images : to play.
    first : number of the image to begin with.
    clock : gives seconds.
    wait : waits so many seconds, or until `stop`.
    """

    def __init__(
        self,
        images: Images,
        first: int = 0,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self.images = images
        self._stopped = threading.Event()
        self._clock = clock
        self._wait = wait or self._stopped.wait
        self._next = first
        self._due: float | None = None  # when the next image is to be shown; None for at once
        self._rates: dict[str, float] = {}

    def read(self) -> tuple[int, Sample]:
        """Wait until the next image is due, and decode it; gives its number and the image.

        Raises
        ------
        ImageError : if none of the images can be read.
        """
        begin = self._leave_out(self._clock()) if self._due is not None else self._clock()
        self._wait(max(0.0, begin - self._clock()))
        problem = None
        for _ in range(len(self.images)):
            index = self._next
            self._next = (index + 1) % len(self.images)
            try:
                sample = self.images.read(index)
            except ImageError as error:
                problem = problem or error
                continue
            self._due = begin + self._seconds(index)
            return index, sample
        raise problem or ImageError("there are no images to play")

    def pause(self, following: int) -> None:
        """Stay where it is: the next `read` goes on at once, with the image ``following``, and leaves nothing out.

        What was read but is not shown any more is so read again.
        """
        self._due = None
        self._next = following % len(self.images)

    def stop(self) -> None:
        """Let whoever waits in `read` go on at once."""
        self._stopped.set()

    def _leave_out(self, now: float) -> float:
        """Pass by the images whose time is over; gives when the next one is due."""
        begin = now if self._due is None else self._due
        while begin + (seconds := self._seconds(self._next)) <= now:
            begin += seconds
            self._next = (self._next + 1) % len(self.images)
        return begin

    def _seconds(self, index: int) -> float:
        """How long an image is shown: a frame or a clip until the next one of its video begins."""
        part = split_name(split_pair(self.images.paths[index])[0])
        frames = frames_of(part.value) if part.marker == FRAME else None
        if frames is None:
            return PICTURE
        following = split_name(self.images.paths[(index + 1) % len(self.images)])
        after = frames_of(following.value) if following.marker == FRAME and following.file == part.file else None
        steps = after.start - frames.start if after is not None and after.start > frames.start else len(frames)
        if part.file not in self._rates:
            self._rates[part.file] = self.images.rate(index)
        return steps / self._rates[part.file]
