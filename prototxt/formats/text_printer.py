"""Messages as the C++ library prints them, character by character: what Caffe's log and ``upgrade_…_text`` show.

`prototxt.formats.text.to_text` is what this project writes files with. Source: protobuf's text_format.cc, and
``SimpleFtoa`` and ``CEscape`` in stubs/strutil.cc.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_ESCAPES = {10: "\\n", 13: "\\r", 9: "\\t", 34: '\\"', 39: "\\'", 92: "\\\\"}


def debug_text(message: Message) -> str:
    """The text of a message: two spaces a level, every line with its end."""
    return "".join(f"{line}\n" for line in _lines(message))


def _lines(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        for each in value if field.is_repeated else [value]:
            if field.message_type is None:
                yield f"{field.name}: {_value(field, each)}"
            else:
                yield f"{field.name} {{"
                yield from (f"  {line}" for line in _lines(each))
                yield "}"


def _value(field: FieldDescriptor, value: Any) -> str:
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return str(value) if named is None else str(named.name)
    return _PRINTERS.get(field.type, str)(value)


def _float(value: float) -> str:
    """The shorter of 6 and 9 digits that gives the same float32."""
    return _shortest(value, 6, 9, np.float32)


def _double(value: float) -> str:
    return _shortest(value, 15, 17, np.float64)


def _shortest(value: float, few: int, many: int, kind: Callable[[Any], Any]) -> str:
    if not np.isfinite(value):
        return "nan" if np.isnan(value) else ("inf" if value > 0 else "-inf")
    short = f"{value:.{few}g}"
    return short if kind(short) == kind(value) else f"{value:.{many}g}"


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _string(value: str | bytes) -> str:
    """In quotes, with C's escapes; bytes outside of ASCII in octal."""
    data = value.encode() if isinstance(value, str) else value
    printed = "".join(_ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in data)
    return f'"{printed}"'


_PRINTERS: dict[int, Callable[[Any], str]] = {
    FieldDescriptor.TYPE_FLOAT: _float,
    FieldDescriptor.TYPE_DOUBLE: _double,
    FieldDescriptor.TYPE_BOOL: _bool,
    FieldDescriptor.TYPE_STRING: _string,
    FieldDescriptor.TYPE_BYTES: _string,
}
