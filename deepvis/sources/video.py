"""Frames of video files: the n-th frame is always the n-th that decoding from the start gives."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deepvis.errors import ImageError
from deepvis.sources.names import frames_name
from prototxt.pixels.samples import Clip

VIDEOS = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm", ".wmv"})
KEPT = 16  # frames; loader threads ask a little out of order
NEAR = 64  # frames up to which going on is no slower than seeking
USUAL_RATE, FASTEST = 25.0, 1000.0  # frames per second
PASSED = 8  # frames that are kept when they are only passed, because another thread may be about to ask for them


class Video:
    """A video file that is read; every method may be called from any thread.

    What containers say of frame numbers is not always what decoding gives, so the time of every frame that was passed
    is written down, and a jump back is believed only if it lands on the time that the frame had; else the file is
    decoded from its start again.

    Parameters
    ----------
    file : the video.

    Raises
    ------
    ImageError : if OpenCV cannot open it.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._times: list[float] = []  # of the frames passed so far, in ms
        self._times_tell = True  # whether they grow from frame to frame, so that one of them means one frame
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        self._open()

    @property
    def announced(self) -> int:
        """How many frames the container says there are; may differ from how many can be decoded."""
        with self._lock:
            return max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    @property
    def rate(self) -> float:
        """Frames per second; `USUAL_RATE` where the container says nothing that can be."""
        with self._lock:
            if not self._capture.isOpened():
                self._open()
            rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        return rate if 0 < rate <= FASTEST else USUAL_RATE

    def read(self, frames: range) -> np.ndarray | Clip:
        """Decode a frame, (H, W, 3) uint8 RGB, or several as a `Clip`.

        Parameters
        ----------
        frames : consecutive numbers of frames, from 0 on.

        Raises
        ------
        ImageError : if the video ends before, or is broken there.
        """
        with self._lock:
            pictures = [self._frame(number) for number in frames]
        return pictures[0] if len(pictures) == 1 else Clip(np.stack(pictures))

    def count(self) -> int:
        """Decode to the end and say how many frames there are."""
        with self._lock:
            while self._pass_one():
                pass
            return len(self._times)

    def close(self) -> None:
        """Let the file go; a later `read` opens it again."""
        with self._lock:
            self._capture.release()

    def _open(self) -> None:
        self._capture: Any = cv2.VideoCapture(self.file) if Path(self.file).is_file() else None
        if self._capture is None or not self._capture.isOpened():
            raise ImageError(f"{self.file}: is no video that OpenCV can read; replace it, or give pictures")
        self._next = 0  # number of the frame that comes next

    def _frame(self, number: int) -> np.ndarray:
        if number not in self._kept:
            self._go_to(number)
            if not self._keep(number):
                raise ImageError(f"{frames_name(self.file, number)}: cannot be decoded")
        return self._kept[number]

    def _keep(self, number: int) -> bool:
        """Keep the picture of the frame that was grabbed last; whether it has one."""
        found, bgr = self._capture.retrieve()
        if found:
            self._kept[number] = np.ascontiguousarray(bgr[:, :, ::-1])
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return bool(found)

    def _go_to(self, number: int) -> None:
        """Grab the frame ``number``."""
        if not self._capture.isOpened():
            self._open()
        if number < self._next or number > self._next + NEAR:
            if self._times_tell and number < len(self._times) and self._jump(number):
                return
            if number < self._next:
                self._capture.release()
                self._open()
        is_near = number - self._next <= PASSED
        while self._next <= number:
            if not self._pass_one():
                raise ImageError(f"{frames_name(self.file, number)}: the video ends after {self._next} frames")
            if is_near and self._next <= number:
                self._keep(self._next - 1)

    def _jump(self, number: int) -> bool:
        """Seek; whether the frame that is grabbed then is the one that was meant."""
        self._capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        if self._capture.grab() and self._capture.get(cv2.CAP_PROP_POS_MSEC) == self._times[number]:
            self._next = number + 1
            return True
        self._capture.release()
        self._open()
        return False

    def _pass_one(self) -> bool:
        """Grab the next frame and write its time down."""
        if not self._capture.grab():
            return False
        if self._next == len(self._times):
            time = self._capture.get(cv2.CAP_PROP_POS_MSEC)
            self._times_tell &= not self._times or time > self._times[-1]
            self._times.append(time)
        self._next += 1
        return True
