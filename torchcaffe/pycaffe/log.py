"""Caffe's log in a program: glog's lines on stderr."""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

from torchcaffe.commands.glog import LEVELS, GlogFormatter

_NAME = "torchcaffe"


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what ``sys.stderr`` is at the time."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(GlogFormatter())

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def show_log() -> None:
    """Show the log from here on, unless a program shows it already; ``$GLOG_minloglevel`` says how much of it."""
    logger = logging.getLogger(_NAME)
    if not logger.handlers:
        logger.addHandler(_Stderr())
        given = os.environ.get("GLOG_minloglevel", "")  # noqa: SIM112 (glog writes it so)
        _set_level(int(given) if given.isdigit() else 0)


def init_log(level: int | None = None, stderr: bool = True) -> None:
    """Show the log on stderr.

    Parameters
    ----------
    level : glog's number of the least serious lines to show: 0 all, 1 warnings, 2 errors. None leaves it as it is.
    stderr : taken for Caffe's sake, which without it writes files into ``/tmp``; here there are none.
    """
    show_log()
    if level is not None:
        _set_level(level)


def log(message: str) -> None:
    """Write a line into the log."""
    logging.getLogger(_NAME).info("%s", message, stacklevel=2)


def _set_level(level: int) -> None:
    logging.getLogger(_NAME).setLevel(LEVELS[max(0, min(level, len(LEVELS) - 1))])
