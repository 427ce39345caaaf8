"""Pictures on disk: decoding to RGB, folders and image lists in a fixed order."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from deepvis.errors import ImageError

EXTENSIONS = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".tif", ".tiff", ".webp"})
UNKNOWN = -1
WHITE = 255


def read_image(path: Path | str) -> np.ndarray:
    """Decode one picture; errors as in `decode`, and an `ImageError` also when the file cannot be read.

    Returns
    -------
    (H, W, 3) uint8, channels R, G, B.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror}); give a picture that exists") from error
    return decode(data, str(path))


def decode(data: bytes, source: str) -> np.ndarray:
    """Decode the bytes of a picture file as OpenCV does, turned upright as its EXIF data says.

    Grey pictures get three equal channels, transparent ones are laid on white (their own orientation is then left as
    it is in the file), and 16-bit values are divided by 257 and rounded.

    Parameters
    ----------
    data : a whole file in any format that OpenCV reads (JPEG, PNG, WebP, TIFF, BMP, GIF, PNM …).
    source : name of the file, for messages.

    Returns
    -------
    (H, W, 3) uint8, channels R, G, B, C-contiguous.

    Raises
    ------
    ImageError : if the bytes are not a whole picture, or its values are neither 8 nor 16 bits wide.
    """
    if _may_be_transparent(data):
        pixels = _opencv(data, cv2.IMREAD_UNCHANGED, source)
        if _has_alpha(pixels):
            return _on_white(_to_eight_bits(pixels))
    return _to_eight_bits(_opencv(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH, source))


def quiet_opencv() -> None:
    """Keep OpenCV from writing its own lines about broken files to stderr; ours name the file."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _opencv(data: bytes, flags: int, source: str) -> np.ndarray:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise ImageError(f"{source}: is not a picture that OpenCV can read, or it is cut off; replace or remove it")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"{source}: has {pixels.dtype} values; only pictures of 8 or 16 bits per channel can be used")
    return pixels


def _may_be_transparent(data: bytes) -> bool:
    """Everything but JPEG may, and is decoded a second time if it is not; photographs are spared that."""
    return not data.startswith(b"\xff\xd8")


def _has_alpha(pixels: np.ndarray) -> bool:
    return pixels.ndim == 3 and pixels.shape[2] == 4


def _to_eight_bits(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _on_white(bgra: np.ndarray) -> np.ndarray:
    """Lay (H, W, 4) uint8 BGRA on white, rounded to the nearest value; gives RGB."""
    alpha = bgra[:, :, 3:].astype(np.uint32)
    mixed = bgra[:, :, 2::-1] * alpha + WHITE * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


class ImageSource(Protocol):
    """A fixed sequence of N pictures; what the scan and the window take their input from."""

    @property
    def root(self) -> Path:
        """Folder that ``paths`` are relative to."""

    @property
    def paths(self) -> Sequence[str]:
        """N names, with ``/`` between folders; an absolute one stands for itself."""

    @property
    def labels(self) -> np.ndarray:
        """(N,) int32 class of every picture, -1 where it is not known."""

    @property
    def hash(self) -> str:
        """SHA-256 (hex) over names and labels in order: the identity of the sequence, wherever its root is."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> np.ndarray:
        """Decode one picture to (H, W, 3) uint8 RGB; raises `ImageError` if it cannot be."""


@dataclass(frozen=True)
class ImageFiles:
    """Picture files in a fixed order, the `ImageSource` of folders and lists.

    Parameters
    ----------
    root : folder that the paths are relative to.
    paths : names relative to ``root`` with ``/`` between folders, or absolute ones.
    classes_of : class of every picture, -1 where it is not known; empty means that none is known.
    classes : names of the classes in the order of their numbers, if they came with the pictures.
    """

    root: Path
    paths: tuple[str, ...]
    classes_of: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    def path(self, index: int) -> Path:
        """Where one picture is."""
        return self.root / self.paths[index]

    def read(self, index: int) -> np.ndarray:
        """Decode one picture to (H, W, 3) uint8 RGB; raises `ImageError` if it cannot be."""
        return read_image(self.path(index))

    @cached_property
    def labels(self) -> np.ndarray:
        """(N,) int32 class of every picture, -1 where it is not known."""
        return np.array(self.classes_of or [UNKNOWN] * len(self.paths), np.int32)

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) over ``path NUL label LF`` of every picture in order."""
        digest = hashlib.sha256()
        for path, label in zip(self.paths, self.labels.tolist(), strict=True):
            digest.update(f"{path}\0{label}\n".encode())
        return digest.hexdigest()


def open_images(path: Path | str, class_folders: bool = False, classes: Sequence[str] = ()) -> ImageFiles:
    """Find the pictures that ``path`` means: a folder, an image list (a text file), or a single picture.

    Parameters
    ----------
    path : a folder (`images_in_folder`), a picture, or a list (`images_in_list`).
    class_folders : whether the first folder below ``path`` is the class of a picture; only for folders.
    classes : class names of the model; class folders are numbered in this order when all of them are among these, else
        in the order of their names (as torchvision's ImageFolder does).

    Raises
    ------
    ImageError : if there is no such path, or no picture in it, or a line of the list cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        return images_in_folder(path, class_folders, classes)
    if not path.is_file():
        raise ImageError(f"{path}: does not exist; give a folder of pictures, an image list, or a picture")
    if class_folders:
        raise ImageError(f"{path}: is a file, but classes can only be taken from the folders of a folder")
    if path.suffix.lower() in EXTENSIONS:
        return ImageFiles(path.parent, (path.name,))
    return images_in_list(path)


def images_in_folder(folder: Path, class_folders: bool = False, classes: Sequence[str] = ()) -> ImageFiles:
    """All pictures of a folder and the folders in it, in natural order (``9.jpg`` before ``10.jpg``).

    Files are taken by their extension (`EXTENSIONS`, in any case); names that start with a dot are left out; links to
    folders are followed, each folder once. Parameters and errors as in `open_images`.
    """
    paths = tuple(sorted(_picture_names(folder), key=natural_key))
    if not paths:
        known = " ".join(sorted(EXTENSIONS))
        raise ImageError(f"{folder}: no picture in this folder or the folders in it; allowed are {known}")
    if not class_folders:
        return ImageFiles(folder, paths)
    tops = [path.split("/")[0] if "/" in path else None for path in paths]
    found = sorted({top for top in tops if top is not None})
    if not found:
        raise ImageError(f"{folder}: has no folders in it that could be classes; leave out the class folders option")
    names = list(classes) if set(found) <= set(classes) else found
    numbers = {name: number for number, name in enumerate(names)}
    labels = tuple(UNKNOWN if top is None else numbers[top] for top in tops)
    return ImageFiles(folder, paths, labels, tuple(names))


def images_in_list(file: Path, root: Path | None = None) -> ImageFiles:
    """The pictures of a list with one ``path [label]`` per line, in the order of the lines.

    A line that ends with the extension of a picture is a path alone, blanks in it and all; otherwise what follows the
    last blank is the label, an integer from 0 on, or -1 for "not known". Empty lines and lines that start with ``#``
    are skipped. Caffe's ImageData lists are such lists.

    Parameters
    ----------
    file : the list, UTF-8.
    root : folder that relative paths are relative to; by default the list's own.

    Raises
    ------
    ImageError : if the list cannot be read, has no line, or a line's label is no integer (names the line).
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ImageError(f"{file}: is no image list (not UTF-8 text), nor has it the extension of a picture") from None
    except OSError as error:
        raise ImageError(f"{file}: cannot be read ({error.strerror})") from error
    entries = [
        _list_entry(line.strip(), f"{file}:{number}")
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not entries:
        raise ImageError(f"{file}: lists no picture; write one 'path' or 'path label' per line")
    paths, labels = zip(*entries, strict=True)
    return ImageFiles(root or file.parent, paths, () if set(labels) == {UNKNOWN} else labels)


def _list_entry(line: str, where: str) -> tuple[str, int]:
    if Path(line).suffix.lower() in EXTENSIONS or len(line.split()) == 1:
        return line, UNKNOWN
    path, label = line.rsplit(maxsplit=1)
    if not re.fullmatch(r"-1|\d+", label) or int(label) > np.iinfo(np.int32).max:
        raise ImageError(f"{where}: label {label!r} is no integer; write 'path' or 'path label', label 0, 1, 2 …")
    return path, int(label)


def natural_key(path: str) -> tuple:
    """Sorting key by which numbers inside names count as numbers and capitals do not matter; never ties."""
    parts = [re.split(r"(\d+)", part.casefold()) for part in path.split("/")]
    return [[(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in part] for part in parts], path


def _picture_names(folder: Path) -> Iterator[str]:
    """Names of all pictures below a folder, relative to it, in no particular order."""
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS:
                yield Path(place, name).relative_to(folder).as_posix()
