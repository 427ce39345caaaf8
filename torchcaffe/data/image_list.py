"""Lists of pictures with labels, one ``path label`` on a line, and the pictures that they name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from prototxt.common.errors import FormatError


@dataclass(frozen=True)
class Entry:
    """One line of an image list."""

    path: str
    label: int
    where: str
    """``list.txt:12``."""


def read_image_list(source: Path, root_folder: str = "") -> list[Entry]:
    """Read ``path label`` lines; the label is what follows the last space, and 0 where there is no space.

    Parameters
    ----------
    source : the list; blank lines are passed over.
    root_folder : put before every path as it stands, so it ends with a slash (as in Caffe).

    Raises
    ------
    FormatError : the list is missing, is not text, names no picture, or has a label that is not a whole number.
    """
    try:
        lines = source.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise FormatError(f"{source}: the image list cannot be read ({reason}); check the layer's source") from None
    entries = [
        _parse_line(line.strip(), f"{source}:{number}", root_folder)
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    if not entries:
        raise FormatError(f"{source}: the image list is empty; write one 'path label' on every line")
    return entries


def read_picture(entry: Entry, size: tuple[int, int] | None = None, color: bool = True) -> np.ndarray:
    """Decode a picture as Caffe's ``ReadImageToCVMat`` does; `prototxt.pixels.decode` is another way, that of scans.

    Transparency is left out, 16 bits are cut to their upper 8, grey is made by the decoder of the file.

    Parameters
    ----------
    size : (height, width) to resize to, bilinear; None keeps the size.
    color : three channels in the order blue, green, red; else one, grey.

    Returns
    -------
    (C, H, W) uint8.

    Raises
    ------
    FormatError : the file is missing or is no picture; names the list and the line.
    """
    try:
        data = np.fromfile(entry.path, np.uint8)
    except FileNotFoundError:
        raise FormatError(f"{entry.where}: the image {entry.path} does not exist; mend the list") from None
    except OSError as error:
        raise FormatError(f"{entry.where}: the image {entry.path} cannot be read ({error.strerror})") from None
    # From memory: cv2.imread would print a line of its own on stderr for a file that it cannot open.
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR if color else cv2.IMREAD_GRAYSCALE) if data.size else None
    if picture is None:
        raise FormatError(
            f"{entry.where}: the image {entry.path} is not a picture that OpenCV can read; mend the list or the file"
        )
    if size is not None:
        picture = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_LINEAR)
    return to_planes(picture)


def to_planes(picture: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, C) → (C, H, W)."""
    return picture[None] if picture.ndim == 2 else picture.transpose(2, 0, 1)


def _parse_line(line: str, where: str, root_folder: str) -> Entry:
    path, space, label = line.rpartition(" ")
    if not space:
        return Entry(root_folder + line, 0, where)
    try:
        return Entry(root_folder + path.strip(), int(label), where)
    except ValueError:
        raise FormatError(f"{where}: the label must be a whole number after the path; got '{label}'") from None
