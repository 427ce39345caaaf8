"""Work beside the window: jobs of a lane one after the other, the newest request wins, stale answers are dropped."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from prototxt.common.errors import InputError


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
    ahead : whether it may be handed over while the one before runs, see `Lane.submit`.
    """

    job: Job
    done: Callable[[Outcome], None]
    wanted: Callable[[], bool]
    ahead: bool = False


class Lane:
    """Runs one job at a time; of the jobs of one kind that wait, only the newest is kept.

    Parameters
    ----------
    start : runs functions on another thread, one after the other, and gives the outcome of each to a second one on the
        window's thread.
    """

    def __init__(self, start: Start) -> None:
        self._start = start
        self._waiting: dict[str, Request] = {}
        self._started = 0
        self._closed = False

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing waits."""
        return not self._started and not self._waiting

    def takes_ahead(self, kind: str) -> bool:
        """Whether a job of a stream, `submit` with ``ahead``, would be handed over at once or is the next to be."""
        return self._started < 2 and kind not in self._waiting

    def submit(
        self,
        kind: str,
        job: Job,
        done: Callable[[Outcome], None],
        wanted: Callable[[], bool] = lambda: True,
        ahead: bool = False,
    ) -> None:
        """Run ``job`` as soon as the lane is free; it replaces a waiting job of the same kind, in its place.

        Parameters
        ----------
        done, wanted : see `Request`.
        ahead : for jobs of a stream: begin on the lane's own thread as soon as the one before has ended there, and not
            only when the window has taken its answer. Such a job can no more be replaced by a newer one.
        """
        if self._closed:
            return
        self._waiting[kind] = Request(job, done, wanted, ahead)
        self._next()

    def close(self) -> None:
        """Forget what waits, drop the answer of what runs, accept nothing more."""
        self._closed = True
        self._waiting.clear()

    def _next(self) -> None:
        while self._waiting:
            kind, request = next(iter(self._waiting.items()))
            if self._started > request.ahead:
                return
            del self._waiting[kind]
            self._started += 1
            self._start(partial(run_job, request.job), partial(self._finish, request))

    def _finish(self, request: Request, outcome: Outcome) -> None:
        self._started -= 1
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
