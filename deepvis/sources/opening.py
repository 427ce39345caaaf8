"""From a path to the images that it means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os.path import commonpath
from pathlib import Path

import numpy as np

from deepvis.errors import ImageError
from deepvis.sources.arrays import ARRAYS
from deepvis.sources.database import is_database, list_records
from deepvis.sources.files import files_below
from deepvis.sources.images import UNKNOWN, Images
from deepvis.sources.names import FRAME, KEY, below, frames_name
from deepvis.sources.pairs import are_pairs, pair_of
from deepvis.sources.video import VIDEOS, Video
from prototxt.pixels.decode import EXTENSIONS

# What a folder may hold; the first kind of which there is a file is what the folder is taken for.
FOLDER_KINDS = {"pictures": EXTENSIONS, "arrays": ARRAYS, "videos": VIDEOS}
FILES = EXTENSIONS | ARRAYS | VIDEOS


@dataclass(frozen=True)
class Cutting:
    """How a video becomes images.

    Parameters
    ----------
    frames : consecutive frames that make one image: 1 for pictures, more for the clips that a net with a time axis
        takes.
    every : frames from the start of one image to the start of the next; None for ``frames``.
    """

    frames: int = 1
    every: int | None = None

    def __post_init__(self) -> None:
        if self.every is not None and self.every < 1:
            raise ImageError(f"every {self.every}: must be at least 1, which takes all frames of a video")

    def names(self, root: Path, file: str) -> list[str]:
        """Names of the images of a video, at least one.

        Raises
        ------
        ImageError : if it cannot be opened or is too short.
        """
        video = Video(str(root / file))
        count = video.announced or video.count()
        video.close()
        starts = range(0, count - self.frames + 1, self.every or self.frames)
        if not starts:
            raise ImageError(f"{root / file}: has {count} frames, but an image of this net takes {self.frames}")
        return [frames_name(file, start, self.frames) for start in starts]


def open_images(
    path: Path | str, class_folders: bool = False, classes: Sequence[str] = (), cutting: Cutting | None = None
) -> Images:
    """Find the images that ``path`` means.

    Parameters
    ----------
    path : a folder (`images_in_folder`), an image list (`images_in_list`), an LMDB of Caffe's, a video, a picture, or
        an array (.npy).
    class_folders : whether the first folder below ``path`` is the class of an image; only for folders.
    classes : class names of the model; class folders are numbered in this order when all of them are among these, else
        in the order of their names (as torchvision's ImageFolder does).
    cutting : how videos become images; every frame one if None.

    Raises
    ------
    ImageError : if there is no such path, or no image in it, or a line of the list cannot be read.
    """
    path = Path(path)
    return replace(_found(path, class_folders, classes, cutting or Cutting()), origin=path.absolute())


def _found(path: Path, class_folders: bool, classes: Sequence[str], cutting: Cutting) -> Images:
    is_lmdb = is_database(path)
    if path.is_dir() and not is_lmdb:
        return images_in_folder(path, class_folders, classes, cutting)
    if not path.exists():
        raise ImageError(f"{path}: does not exist; give a folder of pictures, an image list, an LMDB, or a video")
    if class_folders:
        raise ImageError(f"{path}: is no folder of pictures, and classes can only be taken from the folders of one")
    if is_lmdb:
        return images_in_database(path)
    if path.suffix.lower() in FILES:
        is_video = path.suffix.lower() in VIDEOS
        return Images(path.parent, tuple(cutting.names(path.parent, path.name)) if is_video else (path.name,))
    return images_in_list(path, cutting=cutting)


def open_together(paths: Sequence[Path], cutting: Cutting | None = None) -> Images:
    """The images of several paths, one after the other; errors as in `open_images`."""
    if len(paths) == 1:
        return open_images(paths[0], cutting=cutting)
    opened = [open_images(path.absolute(), cutting=cutting) for path in paths]
    names = tuple(below(images.root, name) for images in opened for name in images.paths)
    labels = tuple(int(label) for images in opened for label in images.labels)
    return Images(Path(commonpath([images.root for images in opened])), names, labels)


def images_in_folder(
    folder: Path, class_folders: bool = False, classes: Sequence[str] = (), cutting: Cutting | None = None
) -> Images:
    """All pictures of a folder and the folders in it (`files_below`); if there is none its arrays, else its videos.

    Parameters and errors as in `open_images`.
    """
    found = next(filter(None, (files_below(folder, kind) for kind in FOLDER_KINDS.values())), [])
    if not found:
        raise ImageError(_nothing_in(folder))
    if not class_folders:
        return Images(folder, tuple(name for file in found for name in _expanded(folder, file, cutting or Cutting())))
    tops = [file.split("/")[0] if "/" in file else None for file in found]
    known = sorted({top for top in tops if top is not None})
    if not known:
        raise ImageError(f"{folder}: has no folders in it that could be classes; leave out the class folders option")
    names = list(classes) if set(known) <= set(classes) else known
    numbers: dict[str | None, int] = {name: number for number, name in enumerate(names)}
    entries = [(file, numbers.get(top, UNKNOWN)) for file, top in zip(found, tops, strict=True)]
    return _images(folder, entries, cutting, tuple(names))


def images_in_list(file: Path, root: Path | None = None, cutting: Cutting | None = None) -> Images:
    """The images of a list with one ``path [label]`` per line, in the order of the lines.

    A line that ends with the extension of an image is a path alone, blanks in it and all; otherwise what follows the
    last blank is the label, an integer from 0 on, or -1 for "not known". Empty lines and lines that start with ``#``
    are skipped. Caffe's ImageData lists are such lists. If every line has two such paths it is a list of pairs. A video
    stands for all of its frames. The lines of a ``classes.txt`` beside the list name its classes, if they are enough.

    Parameters
    ----------
    file : the list, UTF-8.
    root : folder that relative paths are relative to; by default the list's own.
    cutting : as in `open_images`.

    Raises
    ------
    ImageError : if the list cannot be read, has no line, or a line's label is no integer (names the line).
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ImageError(f"{file}: is no image list (not UTF-8 text), nor has it the extension of an image") from None
    except OSError as error:
        raise ImageError(f"{file}: cannot be read ({error.strerror})") from error
    lines = {
        number: line.strip()
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    }
    if not lines:
        raise ImageError(f"{file}: lists no picture; write one 'path' or 'path label' per line")
    folder = root or file.parent
    if are_pairs(list(lines.values()), folder):
        lines = {number: pair_of(line) for number, line in lines.items()}
    entries = [_list_entry(line, f"{file}:{number}") for number, line in lines.items()]
    return _images(folder, entries, cutting, _names_beside(file, max(label for _, label in entries)))


def _names_beside(file: Path, greatest: int) -> tuple[str, ...]:
    """Names of a list's classes from 0 to at least the ``greatest``; empty if the list has no classes or no names."""
    try:
        names = file.with_name("classes.txt").read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(name.strip() for name in names) if 0 <= greatest < len(names) else ()


def images_in_database(path: Path) -> Images:
    """The records of an LMDB in the order of their keys; errors as in `open_images`."""
    path = path.absolute().parent if path.name == "data.mdb" else path  # LMDB's own name for what the folder means
    entries = [(name, UNKNOWN if label is None else label) for name, label in list_records(path, path.name)]
    return _images(path.parent, entries)


def _images(
    root: Path, entries: Sequence[tuple[str, int]], cutting: Cutting | None = None, classes: tuple[str, ...] = ()
) -> Images:
    """Images of files with their labels."""
    cut = cutting or Cutting()
    names = [(name, label) for file, label in entries for name in _expanded(root, file, cut)]
    paths, labels = zip(*names, strict=True)
    return Images(root, paths, () if set(labels) == {UNKNOWN} and not classes else labels, classes)


def _expanded(root: Path, file: str, cutting: Cutting) -> list[str]:
    """Names of the images of a file: those of its frames for a video, else its own.

    A video among others that cannot be used is one image, which whoever reads it counts and names.
    """
    if Path(file).suffix.lower() not in VIDEOS:
        return [file]
    try:
        return cutting.names(root, file)
    except ImageError:
        return [frames_name(file, 0, cutting.frames)]


def _list_entry(line: str, where: str) -> tuple[str, int]:
    if Path(line).suffix.lower() in FILES or len(line.split()) == 1:
        return line, UNKNOWN
    path, label = line.rsplit(maxsplit=1)
    if FRAME in label or (KEY in line and not label.isdecimal()):
        return line, UNKNOWN
    if not re.fullmatch(r"-1|\d+", label) or int(label) > np.iinfo(np.int32).max:
        raise ImageError(f"{where}: label {label!r} is no integer; write 'path' or 'path label', label 0, 1, 2 …")
    return path, int(label)


def _nothing_in(folder: Path) -> str:
    if (folder / "CURRENT").is_file():
        return f"{folder}: looks like a LevelDB, which cannot be read; make an LMDB (convert_imageset -backend lmdb)"
    kinds = ", ".join(f"{name} ({' '.join(sorted(extensions))})" for name, extensions in FOLDER_KINDS.items())
    return f"{folder}: no picture in this folder or the folders in it; allowed are {kinds}"
