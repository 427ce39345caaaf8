"""``torchcaffe parse_log``: losses and scores of a log of training as tables (tools/extra/parse_log.py)."""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from prototxt.common import atomic
from prototxt.common.errors import FormatError
from torchcaffe.commands.flags import Call

Row = dict[str, float]

log = logging.getLogger(__name__)

_NUMBER = r"([-+.\deE]+|[-+]?nan|[-+]?inf)"
_ITERATION = re.compile(r"Iteration (\d+)")
_RATE = re.compile(rf"lr = {_NUMBER}")
_OUTPUT = re.compile(rf"(Train|Test) net output #\d+: (\S+) = {_NUMBER}")
_TIME = re.compile(r"^[IWEF](\d\d)(\d\d) (\d\d):(\d\d):(\d\d)\.(\d{6})")


def parse_log(call: Call) -> None:
    """Write ``LOG.train`` and ``LOG.test`` into a folder: a row for every iteration with output.

    Raises
    ------
    FormatError : the log cannot be read or tells of no iteration, or the folder cannot be written to.
    """
    source, folder = Path(call.arguments[0]), Path(call.arguments[1])
    for name, rows in read_log(source).items():
        target = folder / f"{source.name}.{name.lower()}"
        atomic.write_text(target, as_csv(rows, call.text("delimiter")))
        if call.switch("verbose"):
            log.info("Wrote %s", target)


def read_log(source: Path) -> dict[str, list[Row]]:
    """Rows of NumIters, Seconds (since the line "Solving …"), LearningRate and outputs, of "Train" and "Test".

    Raises
    ------
    FormatError : the log cannot be read or tells of no iteration.
    """
    try:
        lines = source.read_text(errors="replace").splitlines()
    except OSError as error:
        raise FormatError(f"{source}: cannot be read ({error.strerror}); give a log of training") from None
    rows: dict[str, list[Row]] = {"Train": [], "Test": []}
    for name, row, output, value in _outputs(lines):
        table = rows[name]
        if not table or table[-1]["NumIters"] != row["NumIters"]:
            table.append(dict(row))
        table[-1][output] = value
    if not any(rows.values()):
        raise FormatError(f"{source}: has no line 'Train net output' or 'Test net output'; give a log of training")
    for table in rows.values():
        if len(table) > 1:  # the rate is logged behind the first outputs
            table[0]["LearningRate"] = table[1]["LearningRate"]
    return rows


def as_csv(rows: list[Row], delimiter: str = ",") -> str:
    """A table with a head; '' if there are no rows."""
    text = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, columns, delimiter=delimiter, lineterminator="\n")
    if rows:
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def _outputs(lines: Iterable[str]) -> Iterator[tuple[str, Row, str, float]]:
    """Every output of the log: of which net, when, its name and its number."""
    clock, iteration, rate = _Clock(), None, float("nan")
    for line in lines:
        seconds = clock.seconds(line)
        if match := _ITERATION.search(line):
            iteration = float(match[1])
        if iteration is None or seconds is None:
            continue
        if match := _RATE.search(line):
            rate = float(match[1])
        if match := _OUTPUT.search(line):
            row = {"NumIters": iteration, "Seconds": seconds, "LearningRate": rate}
            yield match[1], row, match[2], float(match[3])


class _Clock:
    """Turns the times of a log, which lack the year, into seconds since training began."""

    def __init__(self) -> None:
        self._year = 2000  # a leap year: any day can be
        self._start: datetime | None = None
        self._last: datetime | None = None

    def seconds(self, line: str) -> float | None:
        """Of a line; None of one without time, or before training."""
        match = _TIME.match(line)
        if match is None:
            return None
        month, day, hour, minute, second, micro = map(int, match.groups())
        if self._last is not None and month < self._last.month:
            self._year += 1
        self._last = datetime(self._year, month, day, hour, minute, second, micro)
        if "Solving" in line and self._start is None:
            self._start = self._last
        return None if self._start is None else (self._last - self._start).total_seconds()
