"""One process at a time in a folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from finetune.errors import ExperimentError

LOCK = ".lock"


def holds(lock: TextIO) -> bool:
    """Hold an opened file alone among processes, if nobody else does; until it is closed."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder while the block runs.

    Raises
    ------
    ExperimentError : another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        if not holds(lock):
            raise ExperimentError(f"{folder}: another process is running a study there; wait for it, or stop it")
        yield
