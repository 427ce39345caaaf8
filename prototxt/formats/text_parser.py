"""Protobuf's text format read into a message, as the C++ library of Caffe reads it (text_format.cc)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from prototxt.formats import text_errors as say
from prototxt.formats.text_tokens import (
    END,
    FLOAT,
    IDENTIFIER,
    INTEGER,
    STRING,
    TextError,
    Token,
    decoded,
    tokens,
    unescaped,
)

_CLOSING = {"{": "}", "<": ">"}
_BOOLS = {"true": True, "True": True, "t": True, "false": False, "False": False, "f": False}
_SPECIAL_FLOATS = {"inf": float("inf"), "infinity": float("inf"), "nan": float("nan")}
_PATHS = {
    "net",
    "train_net",
    "test_net",
    "weights",
    "snapshot_prefix",
    "source",
    "mean_file",
    "meanfile",
    "root_folder",
}
"""Fields that name files. Caffe takes ``"C:\\new"``, whose ``\\n`` is a line break, and then finds no such file."""
_RANGES = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.TYPE_ENUM: (-(2**31), 2**31 - 1),
}


def parse_into(message: Message, text: str) -> None:
    """Read a text into an empty message.

    Raises
    ------
    TextError : Caffe would refuse the text; the first place, and a sentence without file and layer.
    """
    parser = _Parser(text, message.DESCRIPTOR)
    parser.fields(message, END)


class _Parser:
    """Walks over the tokens of a text; ``root`` is the message that the whole of it is."""

    def __init__(self, text: str, root: Any) -> None:
        self.tokens = tokens(text)
        self.place = 0
        self.root = root
        self.readers: dict[int, Callable[[FieldDescriptor], Any]] = {
            FieldDescriptor.TYPE_FLOAT: self._float,
            FieldDescriptor.TYPE_DOUBLE: self._float,
            FieldDescriptor.TYPE_BOOL: self._bool,
            FieldDescriptor.TYPE_STRING: self._string,
            FieldDescriptor.TYPE_BYTES: self._bytes,
            FieldDescriptor.TYPE_ENUM: self._enum,
        }

    @property
    def token(self) -> Token:
        return self.tokens[self.place]

    def fields(self, message: Message, end: str) -> None:
        """Read fields until ``end``, a closing bracket or the kind `END`, and step over it."""
        while self.token.text not in (">", "}") and self.token.kind != END:
            self._field(message)
        if end == END and self.token.kind == END:
            return
        if self.token.text != end:
            raise self._error(say.never_closed(end) if self.token.kind == END else say.closes_nothing(self.token.text))
        self.place += 1

    def _field(self, message: Message) -> None:
        name = self.token
        if name.kind != IDENTIFIER:
            raise self._error(say.stray(name.text))
        descriptor: Any = message.DESCRIPTOR  # the stubs call it one of two types
        field = descriptor.fields_by_name.get(name.text)
        if field is None:
            raise self._error(say.unknown_field(descriptor, name.text, self.root))
        if not field.is_repeated and message.HasField(field.name):
            raise self._error(say.given_twice(descriptor, field.name))
        self.place += 1
        colon = self._step_over(":")
        if field.message_type is None and not colon:
            raise self._error(say.expected(":", field.name))
        if field.is_repeated and self._step_over("["):
            self._list(message, field)
        else:
            self._value(message, field)
        _ = self._step_over(";") or self._step_over(",")

    def _list(self, message: Message, field: FieldDescriptor) -> None:
        if self._step_over("]"):
            return
        self._value(message, field)
        while not self._step_over("]"):
            if not self._step_over(","):
                raise self._error(say.expected("]", field.name))
            self._value(message, field)

    def _value(self, message: Message, field: FieldDescriptor) -> None:
        if field.message_type is not None:
            self._message(message, field)
            return
        value = self.readers.get(field.type, self._integer)(field)
        if field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)

    def _message(self, message: Message, field: FieldDescriptor) -> None:
        closing = _CLOSING.get(self.token.text)
        if closing is None:
            raise self._error(say.expected("{", field.name))
        self.place += 1
        if field.is_repeated:
            self.fields(getattr(message, field.name).add(), closing)
        else:
            inner = getattr(message, field.name)
            inner.SetInParent()
            self.fields(inner, closing)

    # -- values -----------------------------------------------------------------------------------------------------

    def _integer(self, field: FieldDescriptor) -> int:
        start = self.place
        lowest, highest = _RANGES[field.type]
        minus = lowest < 0 and self._step_over("-")
        if self.token.kind != INTEGER:
            raise self._wrong(field, start)
        number = _number(self.token.text) * (-1 if minus else 1)
        if not lowest <= number <= highest:
            raise self._wrong(field, start)
        self.place += 1
        return number

    def _float(self, field: FieldDescriptor) -> float:
        start = self.place
        minus = self._step_over("-")
        kind, text = self.token.kind, self.token.text
        if kind == FLOAT:
            number = float(text.rstrip("fF"))
        elif kind == INTEGER and (text == "0" or text[0] != "0"):  # Caffe takes no octal or hexadecimal ones
            number = float(text)
        elif kind == IDENTIFIER and text.lower() in _SPECIAL_FLOATS:
            number = _SPECIAL_FLOATS[text.lower()]
        else:
            raise self._wrong(field, start)
        self.place += 1
        return -number if minus else number

    def _bool(self, field: FieldDescriptor) -> bool:
        kind, text = self.token.kind, self.token.text
        value = _BOOLS.get(text) if kind == IDENTIFIER else None
        if kind == INTEGER and _number(text) in (0, 1):
            value = bool(_number(text))
        if value is None:
            raise self._wrong(field, self.place)
        self.place += 1
        return value

    def _string(self, field: FieldDescriptor) -> str:
        start = self.place
        text = decoded(self._bytes(field))
        if field.name in _PATHS and any(character < " " for character in text):
            raise self._error(say.path_with_control_characters(field.name, self.tokens[start].text), start)
        return text

    def _bytes(self, field: FieldDescriptor) -> bytes:
        start = self.place
        while self.token.kind == STRING:
            self.place += 1
        if self.place == start:
            raise self._wrong(field, start)
        return b"".join(unescaped(token) for token in self.tokens[start : self.place])

    def _enum(self, field: FieldDescriptor) -> int:
        enum: Any = field.enum_type
        start = self.place
        if self.token.kind == IDENTIFIER:
            value, found = enum.values_by_name.get(self.token.text), self.token.text
            self.place += value is not None
        else:
            number = self._integer(field)
            value, found = enum.values_by_number.get(number), str(number)
        if value is None:
            raise self._error(say.unknown_enum_value(enum, field.name, found), start)
        return int(value.number)

    # -- steps and errors -------------------------------------------------------------------------------------------

    def _step_over(self, symbol: str) -> bool:
        if self.token.text != symbol:
            return False
        self.place += 1
        return True

    def _wrong(self, field: FieldDescriptor, start: int) -> TextError:
        end = self.place + (2 if self.token.text == "-" else 1)
        found = "".join(token.text for token in self.tokens[start:end])
        return self._error(say.wrong_value(field, found), start)

    def _error(self, sentence: str, place: int | None = None) -> TextError:
        """An error at a token, by default this one."""
        return TextError(self.tokens[self.place if place is None else place].line, sentence)


def _number(text: str) -> int:
    """An integer of C: decimal, octal (``010``) or hexadecimal (``0x10``)."""
    if text[:2] in ("0x", "0X"):
        return int(text, 16)
    return int(text, 8 if text[0] == "0" else 10)
