"""SIGINT and SIGHUP as requests to a running solver (Caffe's ``SignalHandler``)."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torchcaffe.solver import Action


@contextmanager
def signal_requests(sigint: Action, sighup: Action) -> Iterator[Callable[[], Action]]:
    """While the block runs, signals do not end the program but are remembered.

    Parameters
    ----------
    sigint, sighup : what each asks for.

    Yields
    ------
    A function for `Solver.request`: the action of a signal that came since the last call, SIGHUP's first. Outside the
    main thread, where Python cannot catch signals, it always says NONE.
    """
    actions = {signal.SIGHUP: sighup, signal.SIGINT: sigint}
    came: set[int] = set()

    def requested() -> Action:
        for number, action in actions.items():
            if number in came:
                came.discard(number)
                return action
        return Action.NONE

    if threading.current_thread() is not threading.main_thread():
        yield requested
        return
    before = {number: signal.signal(number, lambda number, _frame: came.add(number)) for number in actions}
    try:
        yield requested
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
