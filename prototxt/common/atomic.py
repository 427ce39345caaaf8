"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from prototxt.common.errors import FormatError

PART = ".part"


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is synced to disk and renamed to ``path``.

    If the block raises, the temporary file is removed and whatever stood at ``path`` is untouched. The folder is made
    when it is missing.

    Raises
    ------
    FormatError : if the folder cannot be written to, the disk is full, or ``path`` is a folder.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        raise FormatError(
            f"{path}: cannot be written ({error.strerror or error}); choose another place or free some space"
        ) from error
    finally:
        with suppress(OSError):  # what went wrong above is what the user must hear
            temporary.unlink()


def remove_leftovers(path: Path | str) -> None:
    """Remove what processes that were killed left of ``path``; only where no other process can be writing it."""
    path = Path(path)
    for temporary in path.parent.glob(f".{escape(path.name)}.{'[0-9a-f]' * 8}{PART}"):
        temporary.unlink()


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write ``data`` to ``path`` whole or not at all; errors as in `atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path | str, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path`` whole or not at all; errors as in `atomic_path`."""
    write_bytes(path, text.encode())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
