"""Watches that Qt's thread is never busy for long; for tests and benchmarks."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, QTimer

LIMIT = 0.05  # seconds
_TICK = 2  # milliseconds


@dataclass(frozen=True)
class Stretch:
    """A time between two ticks.

    Parameters
    ----------
    clock : seconds.
    processor : seconds that the thread itself ran; other work on the machine adds little to it.
    stack : where the thread was when the limit had just passed by the clock; empty below it.
    """

    clock: float
    processor: float
    stack: str = ""


class Watchdog(QObject):
    """A timer that ticks on Qt's thread: what the thread does between two ticks holds up every key and repaint.

    Made on Qt's thread, used as a context.

    Parameters
    ----------
    limit : seconds between two ticks from which on it is told where the thread was.
    """

    def __init__(self, limit: float = LIMIT) -> None:
        super().__init__()
        self.stretches: list[Stretch] = []
        self._limit = limit
        self._thread = threading.get_ident()
        self._timer = QTimer(self, interval=_TICK, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._last = (0.0, 0.0)
        self._stack = ""
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    @property
    def longest(self) -> Stretch:
        """The stretch in which the thread itself ran longest."""
        return max(self.stretches, key=lambda stretch: stretch.processor, default=Stretch(0, 0))

    def __enter__(self) -> Watchdog:
        self._last = time.perf_counter(), time.thread_time()
        self._timer.start()
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.stop()
        self._tick()
        self._ended.set()
        self._watcher.join()

    def _tick(self) -> None:
        now = time.perf_counter(), time.thread_time()
        self.stretches.append(Stretch(now[0] - self._last[0], now[1] - self._last[1], self._stack))
        self._last, self._stack = now, ""

    def _watch(self) -> None:
        """Look again and again where Qt's thread is, and keep it once a tick is late."""
        while not self._ended.wait(self._limit / 10):
            last = self._last
            if self._stack or time.perf_counter() - last[0] < self._limit:
                continue
            stack = _stack_of(self._thread)
            if self._last is last:
                self._stack = stack


def _stack_of(thread: int) -> str:
    """Where a thread is; its frame is let go at once, or what lives in it (a painter) would live too long."""
    frame = sys._current_frames().get(thread)
    return "".join(traceback.format_stack(frame)) if frame is not None else ""
