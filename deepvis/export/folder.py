"""A folder that is written whole or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from deepvis.errors import ExportError
from prototxt.common.errors import FormatError

RECORD = "export.json"


@contextmanager
def atomic_folder(folder: Path, record: dict[str, Any]) -> Iterator[Path]:
    """Yield an empty folder beside ``folder``; on success it takes that name, on any error it is removed.

    Parameters
    ----------
    folder : may be missing, empty, or what an earlier export wrote (it has the file `RECORD`), which is replaced.
    record : what is written into `RECORD`.

    Raises
    ------
    ExportError : if ``folder`` holds something else, or is a file.
    FormatError : if it cannot be written or the disk is full.
    """
    _check_replaceable(folder)
    mark = uuid.uuid4().hex[:8]
    fresh, old = (folder.with_name(f".{folder.name}.{mark}.{end}") for end in ("part", "old"))
    try:
        fresh.mkdir(parents=True)
        yield fresh
        (fresh / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        if folder.exists():
            os.replace(folder, old)
        os.replace(fresh, folder)
    except OSError as error:
        raise FormatError(
            f"{folder}: cannot be written ({error.strerror or error}); choose another place or free some space"
        ) from error
    finally:
        with suppress(OSError):
            if old.exists() and not folder.exists():
                os.replace(old, folder)
            shutil.rmtree(fresh, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)


def file_names(layers: Sequence[str]) -> dict[str, str]:
    """Give every layer a name for files and links: letters, digits, ``.``, ``_`` and ``-``; all different.

    Case does not tell two names apart, as on some file systems.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for layer in layers:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", layer).strip(".-") or "layer"
        name, number = plain, 2
        while name.lower() in taken:
            name, number = f"{plain}-{number}", number + 1
        taken.add(name.lower())
        names[layer] = name
    return names


def _check_replaceable(folder: Path) -> None:
    if folder.is_file():
        raise ExportError(f"{folder}: is a file; give the name of a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / RECORD).is_file():
        raise ExportError(
            f"{folder}: holds other files, and no earlier export ({RECORD}); give an empty or a new folder"
        )
