"""Reads an image by its name, whatever it is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from deepvis.errors import ImageError
from deepvis.sources.arrays import ARRAYS, read_array
from deepvis.sources.database import open_records, read_record
from deepvis.sources.names import FRAME, KEY, frames_of, split_name, split_pair
from deepvis.sources.video import Video
from prototxt.pixels.decode import read_image
from prototxt.pixels.samples import Pair, Sample, Single
from torchcaffe.data.database import Database

OPEN_VIDEOS = 4


class Reader:
    """Reads images by name; keeps LMDBs, and the videos that it read last, open. May be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._videos: dict[str, Video] = {}
        self._databases: dict[str, Database] = {}

    def read(self, root: Path, name: str) -> Sample:
        """Decode an image.

        Parameters
        ----------
        root : folder that the name is relative to.
        name : see `deepvis.sources.names`.

        Raises
        ------
        ImageError : if it cannot be read.
        """
        parts = split_pair(name)
        if len(parts) == 1 or (root / name).is_file():
            return self._single(root, name)
        first, second = (self._single(root, part) for part in parts)
        return Pair(first, second)

    def rate(self, file: str) -> float:
        """Frames per second of a video; an `ImageError` if it is none."""
        return self._video(file).rate

    def _single(self, root: Path, name: str) -> Single:
        part = split_name(name)
        if part.marker and not (root / name).is_file():
            return _MARKED[part.marker](self, str(root / part.file), part.value)
        if Path(name).suffix.lower() in ARRAYS:
            return read_array(root / name)
        return read_image(root / name)

    def _frames(self, file: str, value: str) -> Single:
        frames = frames_of(value)
        if frames is None:
            raise ImageError(f"{file}{FRAME}{value}: names no frame; write #frame=374, or #frame=32-47 for a clip")
        return self._video(file).read(frames)

    def _video(self, file: str) -> Video:
        with self._lock:
            video = self._videos.pop(file, None) or Video(file)
            self._videos[file] = video  # the last one used is the last one to go
            for old in list(self._videos)[:-OPEN_VIDEOS]:
                self._videos.pop(old).close()
        return video

    def _record(self, file: str, value: str) -> Single:
        with self._lock:  # LMDB may be opened once only in a process
            if file not in self._databases:
                self._databases[file] = open_records(file)
        return read_record(self._databases[file], file, value)


_MARKED: dict[str, Callable[[Reader, str, str], Single]] = {FRAME: Reader._frames, KEY: Reader._record}
