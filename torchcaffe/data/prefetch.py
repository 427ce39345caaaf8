"""Batches read ahead of the solver, in the background."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Generic, TypeVar

from prototxt.common.errors import InputError

Plan = TypeVar("Plan")
Batch = TypeVar("Batch")

WORKERS = 2
"""Threads that decode at a time; OpenCV lets go of the interpreter's lock while it does."""


class Prefetch(Generic[Plan, Batch]):
    """Loads batches in background threads and hands them out in the order of their plans.

    Everything random or sequential is in the plans, which are made in the caller's thread; so the batches are the same
    whatever the number of threads. Threads start with the first batch that is asked for, and end with this object.

    Parameters
    ----------
    plans : endless; says what is in each batch.
    load : reads the batch of one plan; runs in a thread, and what it raises is raised again by `next_batch`.
    depth : batches that are read while the caller works on one, at least 1.
    workers : threads.
    """

    def __init__(
        self, plans: Iterator[Plan], load: Callable[[Plan], Batch], depth: int, workers: int = WORKERS
    ) -> None:
        self._plans = plans
        self._load = load
        self._depth = max(1, depth)
        self._workers = workers
        self._ahead: deque[Future[Batch]] = deque()
        self._pool: ThreadPoolExecutor | None = None
        self._failure: InputError | None = None

    def next_batch(self) -> Batch:
        """The next batch; waits for it when the threads are behind.

        Raises
        ------
        InputError : what ``load`` raised, and the batches after it are still to be had; or what making the plan
            raised, and there are none after it.
        """
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="prefetch")
            weakref.finalize(self, _stop, self._pool)
        while len(self._ahead) <= self._depth and self._failure is None:
            self._plan_one(self._pool)
        if not self._ahead and self._failure is not None:
            raise self._failure
        return self._ahead.popleft().result()

    def skip(self, batches: int) -> None:
        """Pass over plans, before the first batch is asked for; nothing is loaded for them."""
        deque(islice(self._plans, batches), maxlen=0)

    def close(self) -> None:
        """Stop reading ahead and wait for the threads to end; batches that were read ahead are lost."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = None
        self._ahead.clear()

    def _plan_one(self, pool: ThreadPoolExecutor) -> None:
        try:
            self._ahead.append(pool.submit(self._load, next(self._plans)))
        except InputError as error:
            self._failure = error  # the batches planned before are good, so it waits for its turn


def _stop(pool: ThreadPoolExecutor) -> None:
    pool.shutdown(wait=False, cancel_futures=True)
