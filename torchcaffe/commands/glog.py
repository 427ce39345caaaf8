"""Log lines as Caffe's glog writes them, which scripts such as ``parse_log.py`` read.

``I1120 18:43:12.078867 14913 solver.py:9] …``
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

LETTERS = {logging.DEBUG: "I", logging.INFO: "I", logging.WARNING: "W", logging.ERROR: "E", logging.CRITICAL: "F"}
LEVELS = (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
"""By glog's number (``-minloglevel``)."""


class GlogFormatter(logging.Formatter):
    """Formats a record as glog does: letter, month and day, time, thread, source line."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, ending in the message."""
        time = datetime.fromtimestamp(record.created)
        place = f"{record.filename}:{record.lineno}"
        letter = LETTERS.get(record.levelno, "I")
        return f"{letter}{time:%m%d %H:%M:%S.%f} {record.process:5d} {place}] {record.getMessage()}"


@contextmanager
def log_to_stderr(lowest: int = 0) -> Iterator[logging.Logger]:
    """Show the package's log on stderr while the block runs.

    Parameters
    ----------
    lowest : glog's number of the least serious lines to show: 0 all, 1 warnings, 2 errors, 3 nothing.
    """
    logger = logging.getLogger("torchcaffe")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(GlogFormatter())
    handler.setLevel(LEVELS[max(0, min(lowest, 3))])
    level, propagate, others = logger.level, logger.propagate, logger.handlers
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield logger
    finally:
        logger.handlers = others
        logger.setLevel(level)
        logger.propagate = propagate
