"""Files of a folder, in natural order."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path


def files_below(folder: Path, extensions: Collection[str]) -> list[str]:
    """Give the files of a folder and the folders in it, relative to it, in natural order (``9.jpg`` before ``10.jpg``).

    Files are taken by their extension (in any case); names that start with a dot are left out; links to folders are
    followed, each folder once.
    """
    return sorted(_names(folder, extensions), key=natural_key)


def natural_key(path: str) -> tuple:
    """Sorting key by which numbers inside names count as numbers and capitals do not matter; never ties."""
    parts = [re.split(r"(\d+)", part.casefold()) for part in path.split("/")]
    return [[(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in part] for part in parts], path


def _names(folder: Path, extensions: Collection[str]) -> Iterator[str]:
    """Names of all such files below a folder, relative to it, in no particular order."""
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in extensions:
                yield Path(place, name).relative_to(folder).as_posix()
