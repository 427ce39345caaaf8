"""Lists of pairs, for siamese nets: ``first second [label]`` on every line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from deepvis.sources.arrays import ARRAYS
from deepvis.sources.names import FRAME, KEY, PAIR
from prototxt.pixels.decode import EXTENSIONS

_ENDS = "|".join(re.escape(extension) for extension in sorted(EXTENSIONS | ARRAYS))
_NAME = rf"(\S.*?(?:{_ENDS}|{FRAME}\d+(?:-\d+)?|{KEY}\S+))"
_LINE = re.compile(rf"{_NAME}\s+{_NAME}(\s+\S+)?", re.IGNORECASE)


def are_pairs(lines: Sequence[str], root: Path) -> bool:
    """Whether the lines of a list name two images each.

    Every line must be two names with extensions of pictures or arrays (or frames or records), with or without a label.
    A list of files whose names only look so is known by its first file being there.
    """
    return all(map(_LINE.fullmatch, lines)) and not (root / lines[0]).is_file()


def pair_of(line: str) -> str:
    """Give the line of a pair as ``name [label]``, as other lists have it."""
    match = _LINE.fullmatch(line)
    assert match is not None
    first, second, label = match.groups()
    return f"{first}{PAIR}{second}{label or ''}"
