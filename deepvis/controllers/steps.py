"""Generators on a lane, one step at a time: between two steps the lane is free for others, and the work can end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from deepvis.controllers.lanes import Lane, Outcome, Problem

_END = object()


class Steps:
    """Runs one generator after the other; a new one ends the one before.

    Parameters
    ----------
    lane : where the steps run.
    kind : of the lane's requests, so that others on the lane take turns with it.
    """

    def __init__(self, lane: Lane, kind: str) -> None:
        self._lane = lane
        self._kind = kind
        self._generation = self._stopped = 0
        self._work: Iterator[Any] | None = None
        self.seconds = 0.0
        """How long the newest step took."""

    @property
    def running(self) -> bool:
        """Whether there is work that has not ended."""
        return self._work is not None

    def run(
        self,
        work: Iterator[Any],
        each: Callable[[Any], None],
        failed: Callable[[Problem], None],
        wanted: Callable[[], bool] = lambda: True,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        """Run a generator; of the functions, only its own steps run beside the window.

        Parameters
        ----------
        work : its steps should take less than about a fifth of a second, so that nothing waits long for the lane.
        each : gets what a step yields.
        failed : gets the problem that ended it.
        wanted : asked after every step; False ends the work.
        ended : called when it has come to its own end.
        """
        self._generation += 1
        self._work = work
        self._ask(self._generation, work, each, failed, wanted, ended)

    def stop(self) -> None:
        """End the work after the step that runs; nothing more of it is shown."""
        self._stopped = self._generation
        work, self._work = self._work, None
        close = getattr(work, "close", None)
        if close is not None:  # on the lane, where no step of it can be running
            self._lane.submit(f"{self._kind}: close", close, lambda outcome: None)

    def _ask(self, generation: int, work: Iterator[Any], each: Any, failed: Any, wanted: Any, ended: Any) -> None:
        def still() -> bool:
            asked = generation > self._stopped and wanted()
            if not asked:
                self._forget(work)
            return asked

        def done(outcome: Outcome) -> None:
            if outcome.problem is not None or outcome.result is _END:
                self._forget(work)
            if outcome.problem is not None:
                failed(outcome.problem)
            elif outcome.result is _END:
                ended()
            else:
                self.seconds = outcome.seconds
                each(outcome.result)
                if self._stopped < generation == self._generation:
                    self._ask(generation, work, each, failed, wanted, ended)

        self._lane.submit(self._kind, lambda: next(work, _END), done, still)

    def _forget(self, work: Iterator[Any]) -> None:
        if self._work is work:
            self._work = None
