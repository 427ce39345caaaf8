"""Databases of records, LMDB and LevelDB, read and written as Caffe's ``db.cpp`` does."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import lmdb

from prototxt.common.errors import FormatError, InputError

COMMIT_EVERY = 1000
"""Records that are written in one go; Caffe's tools commit as often."""
_FIRST_SIZE = 2**30  # bytes of address space; doubled as they run out


class Records(Protocol):
    """A database that is read."""

    def __len__(self) -> int: ...

    def items(self) -> Iterator[tuple[bytes, bytes | memoryview]]:
        """Keys and records in the order of the keys; a record's memory is good until the next one is asked for."""
        ...

    def get(self, key: bytes) -> bytes | None:
        """A copy of one record; None if there is no such key."""
        ...


class LmdbRecords:
    """An LMDB that is read.

    Raises
    ------
    FormatError : it is none.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._environment = lmdb.open(str(path), readonly=True, lock=False, create=False, subdir=path.is_dir())
        except lmdb.Error as error:
            raise FormatError(
                f"{path}: cannot be opened as an LMDB ({error}); check the path and the backend"
            ) from None

    def __len__(self) -> int:
        return int(self._environment.stat()["entries"])

    def items(self) -> Iterator[tuple[bytes, memoryview]]:
        """Keys and records in the order of the keys; a record's memory is good until the next one is asked for."""
        with self._environment.begin(buffers=True) as transaction:
            for key, value in transaction.cursor():
                yield bytes(key), value

    def get(self, key: bytes) -> bytes | None:
        """A copy of one record; None if there is no such key. May be called from any thread."""
        with self._environment.begin() as transaction:
            return transaction.get(key)


class LevelDbRecords:
    """A LevelDB that is read; only one program at a time can open it.

    Raises
    ------
    InputError : plyvel is not installed.
    FormatError : it is no LevelDB.
    """

    def __init__(self, path: Path) -> None:
        plyvel = _plyvel()
        if not path.is_dir():
            raise FormatError(f"{path}: is no LevelDB, which is a folder; check the path and the backend")
        try:
            self._database = plyvel.DB(str(path), create_if_missing=False, max_open_files=100)
        except plyvel.Error as error:
            raise FormatError(f"{path}: cannot be opened as a LevelDB ({error}); check the path") from None
        self._count: int | None = None

    def __len__(self) -> int:
        if self._count is None:
            self._count = sum(1 for _ in self._database.iterator(include_value=False))
        return self._count

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Keys and records in the order of the keys."""
        yield from self._database.iterator()

    def get(self, key: bytes) -> bytes | None:
        """A copy of one record; None if there is no such key."""
        found: bytes | None = self._database.get(key)
        return found


READERS: dict[str, Callable[[Path], Records]] = {"lmdb": LmdbRecords, "leveldb": LevelDbRecords}
"""Classes that read a database, by ``-backend``."""

Put = Callable[[bytes, bytes], None]


@contextmanager
def new_database(path: Path, backend: str) -> Iterator[Put]:
    """Write a new database, whole or not at all: an error, or Ctrl-C, in the block leaves nothing.

    Parameters
    ----------
    path : the folder that it will be, which must not exist.
    backend : "lmdb" or "leveldb".

    Yields
    ------
    A function that stores a key and a record; a key that is there gets the new record.

    Raises
    ------
    InputError : the place is taken or cannot be written to, the backend is unknown, or plyvel is not installed.
    """
    if backend not in WRITERS:
        raise InputError(f"a database must be {' or '.join(WRITERS)}; got '{backend}'")
    if path.exists():
        raise InputError(f"{path}: is there already; remove it, or give another name for the database")
    part = path.with_name(f".{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir()
    except OSError as error:
        raise InputError(f"{path}: cannot be made ({error.strerror})") from None
    try:
        with WRITERS[backend](part) as put:
            yield put
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _new_lmdb(path: Path) -> Iterator[Put]:
    environment = lmdb.open(str(path), map_size=_FIRST_SIZE, sync=False)
    waiting: list[tuple[bytes, bytes]] = []

    def put(key: bytes, record: bytes) -> None:
        waiting.append((key, record))
        if len(waiting) == COMMIT_EVERY:
            _commit(environment, waiting)
            waiting.clear()

    try:
        yield put
        _commit(environment, waiting)
        environment.sync(True)
    finally:
        environment.close()


def _commit(environment: Any, records: Iterable[tuple[bytes, bytes]]) -> None:
    """Store records; where the LMDB is full, make its map twice as large and do it again."""
    while True:
        try:
            with environment.begin(write=True) as transaction:
                for key, record in records:
                    transaction.put(key, record)
            return
        except lmdb.MapFullError:
            environment.set_mapsize(2 * environment.info()["map_size"])
        except lmdb.BadValsizeError:
            longest = max((key for key, _ in records), key=len)
            raise InputError(
                f"the key {longest.decode(errors='replace')!r} has {len(longest)} bytes, of which an LMDB takes "
                f"{environment.max_key_size()}; shorten the file names"
            ) from None


@contextmanager
def _new_leveldb(path: Path) -> Iterator[Put]:
    database = _plyvel().DB(
        str(path), create_if_missing=True, block_size=65536, write_buffer_size=268435456, max_open_files=100
    )
    try:
        yield database.put
    finally:
        database.close()


WRITERS = {"lmdb": _new_lmdb, "leveldb": _new_leveldb}
"""What writes a database into an empty folder, by ``-backend``."""


def _plyvel() -> ModuleType:
    try:
        return import_module("plyvel")
    except ImportError:
        raise InputError(
            "a LevelDB needs plyvel, which is not installed: pip install deepvis-caffe[leveldb]; or use -backend lmdb"
        ) from None
