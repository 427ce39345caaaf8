"""Work beside the window: one job at a time per lane, the newest request wins, stale answers are dropped."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prototxt.errors import InputError


@dataclass(frozen=True)
class Problem:
    """What went wrong, for the bar in the window.

    Parameters
    ----------
    sentence : what, where and what to do.
    details : traceback, or empty where the sentence says all.
    """

    sentence: str
    details: str = ""


@dataclass(frozen=True)
class Outcome:
    """End of a job: its result, or the problem; ``seconds`` that it ran."""

    result: Any = None
    problem: Problem | None = None
    seconds: float = 0.0


Job = Callable[[], Any]
Start = Callable[[Callable[[], Outcome], Callable[[Outcome], None]], None]


@dataclass(frozen=True)
class Request:
    """A job that waits for its turn.

    Parameters
    ----------
    job : runs on another thread.
    done : gets the outcome on the window's thread, if the answer is still wanted.
    wanted : asked on the window's thread when the answer is there; False drops it.
    """

    job: Job
    done: Callable[[Outcome], None]
    wanted: Callable[[], bool]


class Lane:
    """Runs one job at a time; of the jobs of one kind that wait, only the newest is kept.

    Parameters
    ----------
    start : runs a function on another thread and gives its outcome to a second one on the window's thread.
    """

    def __init__(self, start: Start) -> None:
        self._start = start
        self._waiting: dict[str, Request] = {}
        self._busy = False
        self._closed = False

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return not self._busy and not self._waiting

    def submit(
        self, kind: str, job: Job, done: Callable[[Outcome], None], wanted: Callable[[], bool] = lambda: True
    ) -> None:
        """Run ``job`` as soon as the lane is free; it replaces a waiting job of the same kind, in its place."""
        if self._closed:
            return
        self._waiting[kind] = Request(job, done, wanted)
        self._next()

    def close(self) -> None:
        """Forget what waits, drop the answer of what runs, accept nothing more."""
        self._closed = True
        self._waiting.clear()

    def _next(self) -> None:
        if self._busy or not self._waiting:
            return
        self._busy = True
        request = self._waiting.pop(next(iter(self._waiting)))
        self._start(lambda: run_job(request.job), lambda outcome: self._finish(request, outcome))

    def _finish(self, request: Request, outcome: Outcome) -> None:
        self._busy = False
        if self._closed:
            return
        try:
            if request.wanted():
                request.done(outcome)
        finally:
            self._next()


def run_job(job: Job) -> Outcome:
    """Run ``job`` and never raise: what it raises becomes a `Problem`, an `InputError` its own sentence."""
    started = time.perf_counter()
    try:
        result = job()
    except InputError as error:
        return Outcome(problem=Problem(str(error)))
    except Exception as error:
        return Outcome(problem=Problem(f"{type(error).__name__}: {error}", traceback.format_exc()))
    return Outcome(result, seconds=time.perf_counter() - started)
