"""Names of images. A name alone says what to read, so that a scan finds its images again whatever they came from.

- ``birds/12.jpg``: a file, relative to the root of its source or absolute.
- ``clip.mp4#frame=374``: a frame of a video, counted from 0; ``clip.mp4#frame=32-47``: a clip, both ends included.
- ``train_lmdb#key=00000012_cat.jpg``: a record of an LMDB; bytes of the key that are no plain text are percent-encoded.
- ``a.jpg | b.jpg``: a pair.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

PAIR = " | "
FRAME = "#frame="
KEY = "#key="
PLAIN = " /()+,=@!$'[]{}^"  # printable characters of keys that stay as they are


class Part(NamedTuple):
    """A file, and what of it: ``marker`` is `FRAME` or `KEY` with its ``value``, or empty for the whole file."""

    file: str
    marker: str = ""
    value: str = ""

    def __str__(self) -> str:
        return f"{self.file}{self.marker}{self.value}"

    def below(self, root: Path) -> Part:
        """The same with the file's place."""
        return self._replace(file=str(root / self.file))


def split_pair(name: str) -> tuple[str, ...]:
    """The two names of a pair, or the only one."""
    return tuple(name.split(PAIR, 1))


def split_name(name: str) -> Part:
    """Take a name of no pair apart."""
    for marker in (FRAME, KEY):
        file, found, value = name.partition(marker)
        if found:
            return Part(file, marker, value)
    return Part(name)


def place_of(root: Path, name: str) -> str:
    """Where an image is, absolute: the same for two names of one image."""
    return PAIR.join(str((root / part).absolute()) for part in split_pair(name))


def below(root: Path, name: str) -> str:
    """The name with its root in front, for messages and for lists of images from different folders."""
    return PAIR.join(str(root / part) for part in split_pair(name))


def short_name(name: str) -> str:
    """The name without its folders, to be shown."""
    return PAIR.join(_without_folders(split_name(part)) for part in split_pair(name))


def _without_folders(part: Part) -> str:
    return str(part._replace(file=Path(part.file).name))


def frames_name(file: str, first: int, count: int = 1) -> str:
    """Name of ``count`` frames of a video from ``first`` on."""
    return f"{file}{FRAME}{first}" + (f"-{first + count - 1}" if count > 1 else "")


def frames_of(value: str) -> range | None:
    """The frames that the value of a `FRAME` marker means; None if it is none."""
    first, _, last = value.partition("-")
    if not first.isdecimal() or not (last or first).isdecimal():
        return None
    return range(int(first), int(last or first) + 1) or None


def key_name(file: str, key: bytes) -> str:
    """Name of a record of an LMDB."""
    return f"{file}{KEY}{quote_from_bytes(key, safe=PLAIN)}"


def key_of(value: str) -> bytes:
    """The key that the value of a `KEY` marker means."""
    return unquote_to_bytes(value)
