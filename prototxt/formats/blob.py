"""Single blobs: between NumPy and ``BlobProto``, and ``.binaryproto`` files (mean images)."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np

from prototxt.common import atomic
from prototxt.common.errors import FormatError
from prototxt.formats import wire
from prototxt.formats.file_kinds import open_binary
from prototxt.formats.schema import BlobProto

_LEGACY_AXES = ("num", "channels", "height", "width")
_DATA = BlobProto.DATA_FIELD_NUMBER
_DOUBLE_DATA = BlobProto.DOUBLE_DATA_FIELD_NUMBER
_NUMBERS: dict[int, np.dtype] = {_DATA: np.dtype("<f4"), _DOUBLE_DATA: np.dtype("<f8")}
_DIFFS = (BlobProto.DIFF_FIELD_NUMBER, BlobProto.DOUBLE_DIFF_FIELD_NUMBER)


def read_blob(path: Path | str) -> np.ndarray:
    """Read the array of a ``.binaryproto``, float32; mean images are (1, C, H, W).

    Raises
    ------
    FormatError : if the file is missing, truncated, or no blob.
    """
    data = open_binary(path, "a .binaryproto")
    try:
        return blob_at(data, 0, len(data))
    except wire.WireError as error:
        raise FormatError(f"{path}: is truncated or no .binaryproto ({error}); make or copy it again") from None


def write_blob(path: Path | str, array: np.ndarray) -> None:
    """Write an array as a ``.binaryproto``, whole or not at all.

    Pictures, with three or four axes, get the legacy axes num, channels, height and width, as Caffe writes mean images
    and as its oldest readers expect them: (C, H, W) becomes (1, C, H, W).
    """
    if array.ndim not in (3, 4):
        atomic.write_bytes(path, to_proto(array).SerializeToString())
        return
    num, channels, height, width = (1,) * (4 - array.ndim) + array.shape
    header = BlobProto(num=num, channels=channels, height=height, width=width)
    atomic.write_bytes(path, header.SerializeToString() + wire.delimited(_DATA, _float_bytes(array)))


def to_array(blob: BlobProto) -> np.ndarray:
    """Values of a blob as float32, in its shape (a legacy blob has four axes).

    Raises
    ------
    FormatError : if the shape asks for another number of values.
    """
    try:
        return _shaped(blob, np.array(blob.double_data or blob.data, dtype=np.float32))
    except wire.WireError as error:
        raise FormatError(f"{error}; write the blob again") from None


def to_proto(array: np.ndarray) -> BlobProto:
    """Make a float32 blob of an array of any shape, () included."""
    return BlobProto.FromString(_data_header(array) + _float_bytes(array) + _encoded_shape(array.shape))


def blob_at(data: memoryview, start: int, stop: int) -> np.ndarray:
    """Array of the BlobProto that lies in ``data[start:stop]``: a copy, float32, in its shape.

    As Caffe reads them: doubles win over floats, legacy axes over ``shape``; gradients are skipped. Numbers can be
    packed, unpacked or in several pieces.

    Raises
    ------
    WireError : if the bytes are no blob, or its shape asks for another number of values.
    """
    header = bytearray()
    pieces: dict[int, list[np.ndarray]] = {_DATA: [], _DOUBLE_DATA: []}
    while start < stop:
        field = wire.field_at(data, start, stop)
        start = field.stop
        if field.number in pieces:
            values, start = wire.numbers(data, field, _NUMBERS[field.number], stop)
            pieces[field.number].append(values)
        elif field.number not in _DIFFS:
            header += data[field.tag : field.stop]
    values = _joined(pieces[_DOUBLE_DATA]) if any(map(len, pieces[_DOUBLE_DATA])) else _joined(pieces[_DATA])
    return _shaped(wire.decode(BlobProto, bytes(header)), values)


def encode_blob(number: int, array: np.ndarray) -> tuple[bytes, bytes]:
    """Encode an array as a BlobProto in field ``number`` of a message.

    Returns
    -------
    What goes before and after the array's float32 bytes, which are best written straight from the array.
    """
    before, after = _data_header(array), _encoded_shape(array.shape)
    size = len(before) + 4 * array.size + len(after)
    return wire.tag(number, wire.LEN) + wire.varint(size) + before, after


def _data_header(array: np.ndarray) -> bytes:
    return wire.tag(_DATA, wire.LEN) + wire.varint(4 * array.size)


def _encoded_shape(shape: tuple[int, ...]) -> bytes:
    dims = wire.delimited(1, b"".join(map(wire.varint, shape))) if shape else b""
    return wire.delimited(BlobProto.SHAPE_FIELD_NUMBER, dims)


def _joined(pieces: list[np.ndarray]) -> np.ndarray:
    if not pieces:
        return np.empty(0, np.float32)
    if len(pieces) == 1:
        return pieces[0].astype(np.float32)  # a copy: the buffer may be a file that is closed afterwards
    return np.concatenate(pieces).astype(np.float32, copy=False)


def _shaped(header: BlobProto, values: np.ndarray) -> np.ndarray:
    legacy = any(header.HasField(axis) for axis in _LEGACY_AXES)
    shape = tuple(getattr(header, axis) for axis in _LEGACY_AXES) if legacy else tuple(header.shape.dim)
    if any(axis < 0 for axis in shape) or prod(shape) != values.size:
        raise wire.WireError(f"a blob of shape {shape} holds {values.size} numbers")
    return values.reshape(shape)


def _float_bytes(array: np.ndarray) -> bytes:
    return np.ascontiguousarray(array, "<f4").tobytes()
