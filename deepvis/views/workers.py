"""Threads beside the window, and their answers back on the window's thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from PySide6.QtCore import QObject, Qt, Signal

from deepvis.controllers.lanes import Outcome


class Workers(QObject):
    """Runs functions on threads of its own; `start` is what a `deepvis.controllers.lanes.Lane` needs.

    Parameters
    ----------
    threads : how many functions can run at once; one for every lane, so that none waits for another.
    """

    _finished = Signal(object, object)

    def __init__(self, threads: int = 5) -> None:
        super().__init__()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="deepvis")
        self._closed = False
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def start(self, job: Callable[[], Outcome], finished: Callable[[Outcome], None]) -> None:
        """Run ``job`` on a thread and give its outcome to ``finished`` on the thread of this object."""
        if not self._closed:
            self._pool.submit(lambda: self._finished.emit(finished, job()))

    def close(self) -> None:
        """Wait for what runs and drop its answers."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._finished.disconnect()

    def _deliver(self, finished: Callable[[Outcome], None], outcome: Outcome) -> None:
        if not self._closed:
            finished(outcome)
