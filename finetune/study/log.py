"""``log.jsonl``: what a run says while it trains, one JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finetune.errors import ExperimentError
from prototxt.common.atomic import write_text


class RunLog:
    """Appends to a log.

    Parameters
    ----------
    path : the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a line; it is in the file at once."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def cut(self, iteration: int) -> None:
        """Forget what was logged after an iteration, from which the run goes on."""
        if self.path.is_file():
            kept = [record for record in read_log(self.path) if record["iteration"] <= iteration]
            write_text(self.path, "".join(json.dumps(record) + "\n" for record in kept))


def read_log(path: Path) -> list[dict[str, Any]]:
    """Read a log; a last line that was cut off by a stop is left out.

    Raises
    ------
    ExperimentError : another line is no JSON.
    """
    records = []
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for number, line in enumerate(lines, 1):
        try:
            records.append(json.loads(line))
        except ValueError as error:
            if number < len(lines):
                raise ExperimentError(f"{path}:{number}: is no JSON ({error}); remove the line") from error
    return records
