"""A scan on its way: a folder beside the target that survives anything, and from which the scan goes on.

Rows of the tables are appended to plain files; the totals, with the number of images that they count, are written
atomically beside them. Rows beyond that number are cut off on resuming, so a folder is good at every moment.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO

import numpy as np

from deepvis.scan.head import SHOWN, Head, differences
from deepvis.scan.parts import Listing
from deepvis.scan.totals import Totals
from entropy.errors import ScanError
from prototxt.common.atomic import write_bytes, write_text

SUFFIX = ".partial"
SECONDS = 25.0  # between checkpoints at most, as far as batches do not take longer; half a minute with the saving
TOTALS = "totals.npz"
SIZES = "sizes"


def folder_of(out: Path) -> Path:
    """Where the checkpoint of a scan is."""
    return out.with_name(out.name + SUFFIX)


def discard(folder: Path) -> None:
    """Remove a checkpoint, or a share of one; it is renamed first, so that a part of it is never taken for a whole."""
    removed = folder.with_name(f".{folder.name}.removed")
    if removed.exists():  # the program was killed here before
        shutil.rmtree(removed)
    folder.rename(removed)
    shutil.rmtree(removed)


class Checkpoint:
    """The part of a scan that one process makes; a `deepvis.scan.parts.Part` when it is done. Use it in ``with``.

    Parameters
    ----------
    folder : made if it is not there; else what is in it goes on.
    head : of the scan.
    listing : the images of this part.
    identity : what must not have changed since the folder was made.

    Attributes
    ----------
    done : images that the rows and `totals` count.
    totals : as of the last `save`.
    errors : number and message of images that could not be used.

    Raises
    ------
    ScanError : if another scan is in the folder (what differs is named), or another process works on it.
    OSError : if the place cannot be written to.
    """

    def __init__(self, folder: Path, head: Head, listing: Listing, identity: Mapping[str, Any]) -> None:
        self.folder = folder
        self.head = head
        self.listing = listing
        self.done = 0
        self._saved_images = -1
        self.totals = Totals.nothing(head.units, head.top, len(head.wanted.histograms))
        self.errors: list[tuple[int, str]] = []
        self._saved = self._appended = monotonic()
        self._longest = 0.0  # seconds from one batch to the next
        self._columns = [columns for _, columns in head.columns()]
        self._widths = {SIZES: 2 * head.pictures, **dict.fromkeys(head.tables, head.units)}
        self._files: dict[str, BinaryIO] = {}
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            self._lock(stack)
            if self._path("identity.json").is_file():
                self._check(identity)
            else:
                write_text(self._path("images.txt"), _as_lines(listing))
                write_text(self._path("identity.json"), json.dumps(dict(identity)))
            if self._path(TOTALS).is_file():
                self._load()
                self._saved_images = self.done
            for name, width in self._widths.items():
                self._files[name] = stack.enter_context(self._open_rows(name, self.done * width * 4))
            self._stack = stack.pop_all()

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
        if self.folder.exists() and not self._path(TOTALS).is_file():
            self.remove()

    def close(self) -> None:
        """Let go of the folder."""
        with suppress(OSError):  # a full disk: what could not be written is made again on resuming
            self._stack.close()

    def append(self, count: int, rows: Sequence[int], sizes: np.ndarray, tables: Mapping[str, np.ndarray]) -> None:
        """Add the rows of the next ``count`` images.

        Parameters
        ----------
        rows : which of them could be used, B numbers from 0 on, ascending.
        sizes : (B, 2) height and width of those; (B, 4) for pairs.
        tables : (B, units of all layers) float32 by name.
        """
        every = np.zeros((count, self._widths[SIZES]), np.int32)
        every[rows] = sizes
        self._files[SIZES].write(every.tobytes())
        for name in self.head.tables:
            values = tables.get(name)
            if values is None or len(values) < count:
                whole = np.full((count, self.head.units), np.nan, np.float32)
                whole[rows] = values if values is not None else np.nan
                values = whole
            self._files[name].write(np.ascontiguousarray(values, np.float32).data)
        self.done += count
        now = monotonic()
        self._longest = max(self._longest, now - self._appended)
        self._appended = now

    @property
    def due(self) -> bool:
        """Whether it is time to `save`: another batch as long as the longest so far would be too late."""
        return monotonic() + self._longest - self._saved > SECONDS

    def save(self, totals: Totals) -> None:
        """Make everything up to here safe."""
        self.totals = totals
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
        buffer = io.BytesIO()
        np.savez(buffer, done=self.done, errors=json.dumps(self.errors), **asdict(totals))
        write_bytes(self._path(TOTALS), buffer.getvalue())
        self._saved = self._appended = monotonic()
        self._saved_images = self.done

    @property
    def unsaved(self) -> bool:
        """Whether there was no `save` yet, or there are rows since the last."""
        return self.done > self._saved_images

    @property
    def sizes(self) -> np.ndarray:
        """Int32, see `deepvis.scan.parts.Part`."""
        return self._mapped(SIZES, np.int32)[: self.done]

    def rows(self, table: str, layer: int, start: int, stop: int) -> np.ndarray:
        """See `deepvis.scan.parts.Part`."""
        return self._mapped(table, np.float32)[start:stop, self._columns[layer]]

    def remove(self) -> None:
        """Take the folder away; the one above it too when that is empty then."""
        discard(self.folder)
        with suppress(OSError):
            self.folder.parent.rmdir()

    def _path(self, name: str) -> Path:
        return self.folder / name

    def _open_rows(self, name: str, size: int) -> BinaryIO:
        """Open a file of rows to append to it, without what is beyond the ``size`` that the totals count."""
        file = self._path(f"{name}.rows").open("ab")
        if file.tell() < size:
            file.close()
            raise ScanError(f"{self.folder}: is damaged, {name}.rows is too short; give --fresh to begin anew")
        file.truncate(size)
        return file

    def _mapped(self, name: str, kind: type) -> np.ndarray:
        if not self.done:
            return np.zeros((0, self._widths[name]), kind)
        return np.memmap(self._path(f"{name}.rows"), kind, "r").reshape(-1, self._widths[name])

    def _lock(self, stack: ExitStack) -> None:
        lock = stack.enter_context(self._path("lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ScanError(f"{self.folder}: another process is making this scan; wait for it, or stop it") from None

    def _check(self, identity: Mapping[str, Any]) -> None:
        old = json.loads(self._path("identity.json").read_text(encoding="utf-8"))
        changed = differences(old, json.loads(json.dumps(dict(identity))))
        lines = self._path("images.txt").read_text(encoding="utf-8")
        if lines != _as_lines(self.listing):
            changed.insert(0, _changed_images(lines.splitlines(), _as_lines(self.listing).splitlines()))
        if changed:
            raise ScanError(
                f"{self.folder}: holds a scan that was stopped, but this one differs from it in {'; '.join(changed)}; "
                "give what it was started with to go on, or --fresh to begin anew"
            )

    def _load(self) -> None:
        with np.load(self._path(TOTALS)) as arrays:
            self.done = int(arrays["done"])
            self.errors = [(int(index), str(text)) for index, text in json.loads(str(arrays["errors"]))]
            self.totals = Totals(**{name: arrays[name] for name in asdict(self.totals)})


def _as_lines(listing: Listing) -> str:
    labels = listing.labels.tolist()
    return "".join(f"{json.dumps(path)} {label}\n" for path, label in zip(listing.paths, labels, strict=True))


def _changed_images(old: list[str], new: list[str]) -> str:
    before, now = set(old), set(new)
    gone, come = [line for line in old if line not in now], [line for line in new if line not in before]
    parts = [
        f"{len(lines)} {what}, such as {', '.join(lines[:SHOWN])}"
        for what, lines in (("no longer there", gone), ("new", come))
        if lines
    ]
    return f"the images ({'; '.join(parts) or 'the same ones in another order'}; paths with their labels)"
