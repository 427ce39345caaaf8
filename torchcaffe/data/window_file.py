"""Window files of R-CNN: pictures, and in each of them boxes with a class and how far they overlap an object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prototxt.common.errors import FormatError
from torchcaffe.data.image_list import Entry

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Window:
    """A box (x1, y1, x2, y2), all inside it, of a picture."""

    picture: Entry
    label: int
    overlap: float
    box: Box


def read_window_file(source: Path, root_folder: str = "") -> list[Window]:
    """Read ``# index path channels height width number`` and ``class overlap x1 y1 x2 y2`` for every window.

    Numbers and paths have spaces or line ends between them.

    Parameters
    ----------
    source : the file.
    root_folder : put before every path as it stands, so it ends with a slash (as in Caffe).

    Raises
    ------
    FormatError : it is missing, is not text, or is no window file; names the picture.
    """
    try:
        words = iter(source.read_text().split())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise FormatError(f"{source}: the window file cannot be read ({reason}); check the layer's source") from None
    windows: list[Window] = []
    for number, mark in enumerate(words):
        where = f"{source}: picture {number}"
        try:
            windows += _read_picture(mark, words, number, root_folder, where)
        except StopIteration:
            raise FormatError(f"{where}: ends before its last window; mend the file") from None
        except ValueError as error:
            raise FormatError(f"{where}: {error}; mend the file") from None
    return windows


def _read_picture(mark: str, words: Iterator[str], number: int, root_folder: str, where: str) -> list[Window]:
    index = next(words)
    if (mark, index) != ("#", str(number)):
        raise ValueError(f"must begin with '# {number}'; got '{mark} {index}'")
    entry = Entry(root_folder + next(words), 0, where)
    channels, height, width, count = (int(next(words)) for _ in range(4))
    if channels != 3:
        raise ValueError(f"pictures are read in colour, so channels must be 3; got {channels}")
    windows = []
    for _ in range(count):
        label, overlap = int(next(words)), float(next(words))
        x1, y1, x2, y2 = (int(next(words)) for _ in range(4))
        if not (0 <= x1 <= x2 < width and 0 <= y1 <= y2 < height):
            raise ValueError(f"window {x1} {y1} {x2} {y2} must lie in a picture of {width}×{height} pixels")
        windows.append(Window(entry, label, overlap, (x1, y1, x2, y2)))
    return windows
