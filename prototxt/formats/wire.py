"""Protobuf's wire format, walked without decoding it: where in a buffer which field lies.

Weights are nearly all of a caffemodel's bytes; NumPy takes them from where they lie, and protobuf decodes the rest.
Source: the encoding page of the Protocol Buffers documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import numpy as np
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from prototxt.formats.text_tokens import decoded

M = TypeVar("M", bound=Message)

VARINT, I64, LEN, I32 = 0, 1, 2, 5
_FIXED_SIZES = {I64: 8, I32: 4}


class WireError(ValueError):
    """The bytes are no protobuf message; says what is wrong at which byte."""


class Field(NamedTuple):
    """One field of a message: its tag begins at ``tag``, its value is ``data[start:stop]``."""

    number: int
    kind: int
    tag: int
    start: int
    stop: int


def fields(data: memoryview, start: int, stop: int) -> Iterator[Field]:
    """Fields of the message in ``data[start:stop]``, in the order in which they lie there.

    Raises
    ------
    WireError : if a field does not end before ``stop`` or its tag is none.
    """
    while start < stop:
        field = field_at(data, start, stop)
        yield field
        start = field.stop


def field_at(data: memoryview, position: int, stop: int) -> Field:
    """Give the field whose tag begins at ``position``; it must end before ``stop``. Errors as `fields`."""
    tag, start = read_varint(data, position, stop)
    number, kind = tag >> 3, tag & 7
    if kind == LEN:
        length, start = read_varint(data, start, stop)
        end = start + length
    elif kind == VARINT:
        end = read_varint(data, start, stop)[1]
    elif kind in _FIXED_SIZES:
        end = start + _FIXED_SIZES[kind]
    else:
        raise WireError(f"byte {position} begins no field that Caffe has")
    if number == 0:
        raise WireError(f"byte {position} begins no field that Caffe has")
    if end > stop:
        raise WireError(f"the field at byte {position} goes on for {end - stop} bytes after the end")
    return Field(number, kind, position, start, end)


def read_varint(data: memoryview, position: int, stop: int) -> tuple[int, int]:
    """Read an unsigned varint at ``position``; gives it and the position after it. Errors as `fields`."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= stop:
            raise WireError(f"the data end inside a number at byte {position}")
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
    raise WireError(f"the number before byte {position} is too long")


def varint(value: int) -> bytes:
    """Encode a non-negative integer."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(number: int, kind: int) -> bytes:
    """Encode the tag that begins a field."""
    return varint(number << 3 | kind)


def delimited(number: int, value: bytes) -> bytes:
    """Encode a whole length-delimited field (text, message or packed numbers)."""
    return tag(number, LEN) + varint(len(value)) + value


def numbers(data: memoryview, field: Field, dtype: np.dtype, stop: int) -> tuple[np.ndarray, int]:
    """Floats or doubles of a repeated field from ``field`` on, packed or not; gives them and the position after them.

    Unpacked ones (a tag before every number) are taken together for as long as they follow one another.

    Parameters
    ----------
    data : the buffer; the array that comes back is a view of it.
    field : the packed field, or the first of the unpacked ones.
    dtype : little-endian float32 or float64.
    stop : end of the message.

    Raises
    ------
    WireError : if the field holds no such numbers.
    """
    if field.kind == LEN:
        if (field.stop - field.start) % dtype.itemsize:
            raise WireError(f"the numbers at byte {field.start} end inside a number")
        count = (field.stop - field.start) // dtype.itemsize
        return np.frombuffer(data, dtype, count, field.start), field.stop
    if _FIXED_SIZES.get(field.kind) != dtype.itemsize:
        raise WireError(f"the field at byte {field.tag} should hold {dtype.name} numbers and does not")
    width = field.start - field.tag
    record = np.dtype([("tag", f"V{width}"), ("number", dtype)])
    records = np.frombuffer(data, record, (stop - field.tag) // record.itemsize, field.tag)
    same = records["tag"] == records["tag"][0]
    count = len(records) if same.all() else int(same.argmin())
    return records["number"][:count], field.tag + count * record.itemsize


def decode(message_class: type[M], data: bytes) -> M:
    """Let protobuf decode a small message; text in it that is no UTF-8 is read as a prototxt's is (`decoded`).

    Raises
    ------
    WireError : if it cannot.
    """
    try:
        message = message_class.FromString(data)
    except DecodeError:
        raise WireError(f"{len(data)} bytes are no {message_class.__name__}") from None
    _decode_texts(message)
    return message


def _decode_texts(message: Message) -> None:
    """Replace texts that are no UTF-8, which protobuf hands out as bytes."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if field.is_repeated else [value]:
                _decode_texts(inner)
        elif field.type == FieldDescriptor.TYPE_STRING and field.is_repeated:
            for place, text in enumerate(value):
                if isinstance(text, bytes):
                    value[place] = decoded(text)
        elif field.type == FieldDescriptor.TYPE_STRING and isinstance(value, bytes):
            setattr(message, field.name, decoded(value))
