"""How long work tells where it is: a generator that yields `Progress`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from tqdm import tqdm

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of long work; every place where it is yielded is a place where the work can be cancelled.

    Parameters
    ----------
    done : steps done so far, between 0 and ``total``.
    total : steps in all; 0 while it is not known.
    what : what is being done and in what unit, e.g. ``"scan: images"``.
    """

    done: int
    total: int
    what: str


def with_bar(work: Generator[Progress, None, Result], quiet: bool = False) -> Result:
    """Run ``work`` to its end with a progress bar on stderr and give what it returns; no bar for work without steps.

    An exception in the work, Ctrl-C included, closes the bar and passes through, and the work is closed, so that its
    ``finally`` blocks have run when this returns or raises.
    """
    try:
        step = next(work)
        with tqdm(total=step.total or None, desc=step.what, disable=quiet, smoothing=0.05, **_size()) as bar:
            bar.update(step.done)
            while True:
                told, step = step.what, next(work)
                bar.total = step.total or None
                bar.set_description_str(step.what, refresh=step.what != told)
                bar.update(step.done - bar.n)
    except StopIteration as stop:
        return stop.value
    finally:
        work.close()


def at_once(work: Callable[Arguments, Generator[Progress, None, Result]]) -> Callable[Arguments, Result]:
    """The function that does the work of a generator function to its end, without telling its progress.

    It takes the same arguments, raises the same errors, and returns what the generator returns.
    """

    @wraps(work)
    def done(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return with_bar(work(*args, **kwargs), quiet=True)

    return done


def _size() -> dict[str, Any]:
    """How wide tqdm draws: it follows the terminal, but on one that says it has no columns it would draw nothing."""
    try:
        known = all(os.get_terminal_size(sys.stderr.fileno()))
    except (OSError, ValueError):  # stderr is no terminal, or no file at all
        known = True
    return {"dynamic_ncols": True} if known else {"ncols": 80, "nrows": 24}
