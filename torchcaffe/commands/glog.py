"""Log lines as Caffe's glog writes them, which scripts such as ``parse_log.py`` read; glog's flags.

``I1120 18:43:12.078867 14913 solver.py:9] …``
"""

from __future__ import annotations

import getpass
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from prototxt.common.errors import InputError
from torchcaffe.commands.flags import Call, Flag

LETTERS = {logging.DEBUG: "I", logging.INFO: "I", logging.WARNING: "W", logging.ERROR: "E", logging.CRITICAL: "F"}
LEVELS = (logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL)
"""By glog's number (``-minloglevel``)."""
SEVERITIES = {"INFO": logging.INFO, "WARNING": logging.WARNING, "ERROR": logging.ERROR}
COLORS = {"W": "\033[0;33m", "E": "\033[0;31m", "F": "\033[0;31m"}

GLOG_FLAGS = (
    Flag("minloglevel", "0 shows all of the log, 1 warnings, 2 errors", 0, variable="GLOG_minloglevel"),
    Flag("logtostderr", "the log goes to stderr only", False, variable="GLOG_logtostderr"),
    Flag("alsologtostderr", "the log goes to stderr too; on, as in Caffe", True, variable="GLOG_alsologtostderr"),
    Flag(
        "stderrthreshold",
        "without -alsologtostderr: what goes to stderr, by the numbers of -minloglevel",
        2,
        variable="GLOG_stderrthreshold",
    ),
    Flag(
        "log_dir", "write the log into files of this folder too, called as glog calls them", "", variable="GLOG_log_dir"
    ),
    Flag("colorlogtostderr", "warnings yellow and errors red, on a terminal", False, variable="GLOG_colorlogtostderr"),
    Flag("log_prefix", "begin every line with time and place", True, variable="GLOG_log_prefix"),
)
UNHEEDED_FLAGS = (
    Flag("v", "torchcaffe's log has no further lines", 0),
    *(Flag(name, "has no effect", False) for name in ("drop_log_memory", "stop_logging_if_full_disk")),
    *(Flag(name, "has no effect", False) for name in ("symbolize_stacktrace", "timestamp_in_logfile_name")),
    *(Flag(name, "has no effect", 0) for name in ("logbuflevel", "logbufsecs", "logemaillevel", "logfile_mode")),
    *(Flag(name, "has no effect", 0) for name in ("max_log_size", "tab_completion_columns")),
    *(Flag(name, "has no effect") for name in ("alsologtoemail", "log_backtrace_at", "log_link", "logmailer")),
    *(Flag(name, "has no effect") for name in ("vmodule", "tab_completion_word")),
)
"""Flags of glog and gflags that are taken, and of which the log says that they do nothing."""


class GlogFormatter(logging.Formatter):
    """Formats a record as glog does: letter, month and day, time, thread, source line.

    Parameters
    ----------
    prefix : whether to write that, or the message alone.
    color : whether warnings and errors get a color.
    """

    def __init__(self, prefix: bool = True, color: bool = False) -> None:
        super().__init__()
        self.prefix, self.color = prefix, color

    def format(self, record: logging.LogRecord) -> str:
        """One line, ending in the message; further lines of the message follow as they are."""
        letter = LETTERS.get(record.levelno, "I")
        text = record.getMessage()
        if self.prefix:
            time = datetime.fromtimestamp(record.created)
            place = f"{record.filename}:{record.lineno}"
            text = f"{letter}{time:%m%d %H:%M:%S.%f} {record.process:5d} {place}] {text}"
        return f"{COLORS[letter]}{text}\033[m" if self.color and letter in COLORS else text


@contextmanager
def logging_as(call: Call) -> Iterator[logging.Logger]:
    """Show the package's log where glog's flags say, while the block runs.

    Raises
    ------
    InputError : ``-log_dir`` is no folder.
    """
    lowest = _level(call.number("minloglevel"))
    threshold = 0 if call.switch("alsologtostderr") or call.switch("logtostderr") else call.number("stderrthreshold")
    formatter = GlogFormatter(call.switch("log_prefix"), call.switch("colorlogtostderr") and sys.stderr.isatty())
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    handlers[0].setFormatter(formatter)
    handlers[0].setLevel(max(lowest, _level(threshold)))
    if call.text("log_dir") and not call.switch("logtostderr"):
        handlers += log_files(Path(call.text("log_dir")), lowest, call.switch("log_prefix"))
    with ExitStack() as stack:
        for handler in handlers[1:]:
            stack.callback(handler.close)
        with _handled_by(handlers) as logger:
            for flag in UNHEEDED_FLAGS:
                if flag.name in call.given:
                    logger.info("-%s has no effect in torchcaffe", flag.name)
            yield logger


@contextmanager
def _handled_by(handlers: list[logging.Handler]) -> Iterator[logging.Logger]:
    logger = logging.getLogger("torchcaffe")
    level, propagate, others = logger.level, logger.propagate, logger.handlers
    logger.handlers = handlers  # a program that has said ``import caffe`` shows the log already
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield logger
    finally:
        logger.handlers = others
        logger.setLevel(level)
        logger.propagate = propagate


class LogFile(logging.FileHandler):
    """A log file that begins as glog's do, once there is a first line."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, and before the first one the head of the file."""
        if self.stream is None:
            self.stream = self._open()
            now = datetime.now()
            self.stream.write(f"Log file created at: {now:%Y/%m/%d %H:%M:%S}\n")
            self.stream.write(f"Running on machine: {socket.gethostname()}\n")
            self.stream.write("Log line format: [IWEF]mmdd hh:mm:ss.uuuuuu threadid file:line] msg\n")
        super().emit(record)


def log_files(folder: Path, lowest: int = logging.INFO, prefix: bool = True) -> list[logging.Handler]:
    """A file for every severity, with all that is as serious or more: ``caffe.host.user.log.INFO.day-time.process``.

    Raises
    ------
    InputError : the folder is not there.
    """
    if not folder.is_dir():
        raise InputError(f"-log_dir {folder}: no such folder; make it")
    end = f"{datetime.now():%Y%m%d-%H%M%S}.{os.getpid()}"
    files: list[logging.Handler] = []
    for severity, level in SEVERITIES.items():
        name = f"caffe.{socket.gethostname()}.{getpass.getuser()}.log.{severity}.{end}"
        file = LogFile(folder / name, delay=True)
        file.setLevel(max(level, lowest))
        file.setFormatter(GlogFormatter(prefix))
        files.append(file)
    return files


def _level(number: int) -> int:
    """Python's level of glog's number; 3 and more show nothing but what ends the program."""
    return LEVELS[max(0, min(number, 3))]
