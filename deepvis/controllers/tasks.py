"""Long work that a user starts in the window: it shows where it is, can be cancelled, and holds nothing up."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

from deepvis.controllers.lanes import Lane, Problem
from deepvis.controllers.steps import Steps
from prototxt.common.progress import Progress


@dataclass(frozen=True)
class Task:
    """Work with an end.

    Parameters
    ----------
    title : what is being done, such as ``Convert resnet18``.
    work : yields where it is and returns what ``done`` gets; every yield is a place where it can be cancelled.
    done : called on the window's thread with what the work returned.
    """

    title: str
    work: Generator[Progress, None, Any]
    done: Callable[[Any], None]


@dataclass(frozen=True)
class _Result:
    value: Any


class Tasks:
    """Runs one task at a time; a new one cancels the one before.

    Parameters
    ----------
    lane : where the work runs.
    show : gets the title and where the work is; None for the progress when it has ended, been cancelled or failed.
    fail : gets the problem that ended a task.
    """

    def __init__(
        self, lane: Lane, show: Callable[[str, Progress | None], None], fail: Callable[[Problem], None]
    ) -> None:
        self._steps = Steps(lane, "task")
        self._show = show
        self._fail = fail
        self._title = ""

    @property
    def running(self) -> bool:
        """Whether there is a task that has not ended."""
        return self._steps.running

    def start(self, task: Task) -> None:
        """Begin a task."""
        if self._steps.running:
            self.cancel()
        self._title = task.title
        self._show(task.title, Progress(0, 0, task.title))

        def each(step: Progress | _Result) -> None:
            if isinstance(step, _Result):
                self._show(task.title, None)
                task.done(step.value)
            else:
                self._show(task.title, step)

        def failed(problem: Problem) -> None:
            self._show(task.title, None)
            self._fail(problem)

        self._steps.run(_to_the_end(task.work), each, failed)

    def cancel(self) -> None:
        """End the running task at its next step; nothing is done with what it has."""
        self._steps.stop()
        self._show(self._title, None)


def _to_the_end(work: Generator[Progress, None, Any]) -> Iterator[Progress | _Result]:
    value = yield from work
    yield _Result(value)
