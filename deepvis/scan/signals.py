"""Signals that ask a program to stop, obeyed between two steps of the work."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from prototxt.common.progress import Progress

Result = TypeVar("Result")
STOPPING = (signal.SIGINT, signal.SIGTERM)


def stopping_at_signals(work: Generator[Progress, None, Result]) -> Generator[Progress, None, Result]:
    """Do ``work``, and raise `KeyboardInterrupt` after the step in which SIGINT or SIGTERM came, the work closed.

    A second signal interrupts at once.
    """
    with _noted() as came:
        try:
            while True:
                try:
                    step = next(work)
                except StopIteration as stop:
                    return stop.value
                if came:
                    raise KeyboardInterrupt
                yield step
        finally:
            work.close()


@contextmanager
def _noted() -> Iterator[list[int]]:
    """Give a list to which the first signal is added; outside of the main thread signals stay as they are."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def note(number: int, frame: FrameType | None) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    before = {number: signal.signal(number, note) for number in STOPPING}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
