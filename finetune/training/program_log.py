"""What ``caffe train`` says while it trains, read from its log; torchcaffe logs in the same words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_NUMBER = r"([-+]?(?:nan|inf|[\d.]+(?:e[-+]?\d+)?))"
_LOSS = re.compile(rf"Iteration (\d+)(?: \(.*\))?, loss = {_NUMBER}")
_TESTING = re.compile(r"Iteration (\d+), Testing net")
_OUTPUT = re.compile(rf"Test net output #\d+: (\S+) = {_NUMBER}")


@dataclass
class TrainingLog:
    """Losses and test outputs in the order in which they were logged.

    Parameters
    ----------
    losses : (iteration, training loss) of every displayed iteration.
    tests : (iteration, outputs by blob name) of every test.
    """

    losses: list[tuple[int, float]] = field(default_factory=list)
    tests: list[tuple[int, dict[str, float]]] = field(default_factory=list)

    def add(self, line: str) -> int | None:
        """Take in one line; gives the iteration if the line tells one."""
        if match := _LOSS.search(line):
            self.losses.append((int(match[1]), float(match[2])))
            return int(match[1])
        if match := _TESTING.search(line):
            self.tests.append((int(match[1]), {}))
            return int(match[1])
        if (match := _OUTPUT.search(line)) and self.tests:
            self.tests[-1][1][match[1]] = float(match[2])
        return None


def read_log(lines: Iterable[str]) -> TrainingLog:
    """Read a whole log, Caffe's or torchcaffe's, line by line."""
    log = TrainingLog()
    for line in lines:
        log.add(line)
    return log
