"""Threads beside the window, and their answers back on the window's thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from PySide6.QtCore import QObject, Qt, Signal

from deepvis.controllers.lanes import Outcome, Start


class Workers(QObject):
    """Runs functions on threads of its own, one for every lane, so that none waits for another.

    What a lane runs is always on the same thread: for every thread that computes, PyTorch keeps helpers, and they slow
    down as soon as there are more of them than cores.
    """

    _finished = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self._threads: dict[str, ThreadPoolExecutor] = {}
        self._closed = False
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def start_on(self, lane: str) -> Start:
        """What a `deepvis.controllers.lanes.Lane` of that name needs.

        It runs a function on the thread of the lane, after those that were started before, and gives the outcome to a
        second one on the thread of this object.
        """
        thread = self._threads.setdefault(lane, ThreadPoolExecutor(1, thread_name_prefix=f"deepvis-{lane}"))

        def start(job: Callable[[], Outcome], finished: Callable[[Outcome], None]) -> None:
            if not self._closed:
                thread.submit(lambda: self._finished.emit(finished, job()))

        return start

    def close(self) -> None:
        """Wait for what runs and drop its answers."""
        self._closed = True
        for thread in self._threads.values():
            thread.shutdown(wait=True, cancel_futures=True)
        self._finished.disconnect()

    def _deliver(self, finished: Callable[[Outcome], None], outcome: Outcome) -> None:
        if not self._closed:
            finished(outcome)
