"""LMDBs of Caffe's ``Datum`` records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deepvis.errors import ImageError
from deepvis.sources.names import key_name, key_of
from prototxt.common.errors import FormatError
from prototxt.formats.schema import Datum
from prototxt.formats.wire import VARINT, WireError, fields, read_varint
from prototxt.pixels.samples import Planes, Single
from torchcaffe.data.database import Database, decode_datum, open_database

LABEL = Datum.DESCRIPTOR.fields_by_name["label"].number


def is_database(path: Path) -> bool:
    """Whether a folder or file is an LMDB."""
    return path.suffix == ".mdb" if path.is_file() else (path / "data.mdb").is_file()


def list_records(path: Path, file: str) -> Iterator[tuple[str, int | None]]:
    """Give name and label (None without one) of every record in the order of the keys; pixels are not touched.

    Parameters
    ----------
    path : the LMDB.
    file : what to call it in the names.

    Raises
    ------
    ImageError : if it cannot be opened, or is empty.
    """
    try:
        for key, value in open_database(path).items():
            yield key_name(file, key), _label(memoryview(value))
    except FormatError as error:
        raise ImageError(str(error)) from error


def open_records(file: str) -> Database:
    """Open an LMDB, as often as one likes: it is open once for all; an `ImageError` if it is none."""
    try:
        return open_database(Path(file))
    except FormatError as error:
        raise ImageError(str(error)) from error


def read_record(database: Database, file: str, value: str) -> Single:
    """Decode a record; may be called from any thread.

    Parameters
    ----------
    database : an opened LMDB.
    file : what to call it in messages.
    value : the key, as names have it.

    Returns
    -------
    (H, W, 3) uint8 RGB for one or three channels of 8 bits, which Caffe keeps as grey or B, G, R; `Planes` for any
    other number of channels and for ``float_data``.

    Raises
    ------
    ImageError : if there is no such record, or it is no ``Datum``.
    """
    data = database.get(key_of(value))
    if data is None:
        raise ImageError(f"{file}: has no record with key {value!r} any more; scan again")
    try:
        values, _ = decode_datum((f"{file}, key {value!r}", data))
    except FormatError as error:
        raise ImageError(str(error)) from error
    if values.dtype != np.uint8 or len(values) not in (1, 3):
        return Planes(values)
    planes = values[::-1] if len(values) == 3 else np.repeat(values, 3, 0)
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


def _label(record: memoryview) -> int | None:
    """Label of a serialized ``Datum``: it stands behind the pixels, which are skipped; None without one."""
    try:
        for field in fields(record, 0, len(record)):
            if field.number == LABEL and field.kind == VARINT:
                number = read_varint(record, field.start, field.stop)[0] & 0xFFFFFFFF
                return number if number < 1 << 31 else None
            if field.number > LABEL:
                break
    except WireError:
        pass  # reading it will tell
    return None
