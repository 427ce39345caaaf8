"""Prototxt: reading with errors that name file, line, layer and what is allowed; writing as Caffe users know it."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from prototxt.common import atomic
from prototxt.common.errors import FormatError
from prototxt.formats.file_kinds import KNOWN_KINDS, kind_of, read_bytes
from prototxt.formats.schema import NetParameter, SolverParameter
from prototxt.formats.text_errors import explain, explain_missing_fields
from prototxt.formats.text_parser import parse_into
from prototxt.formats.text_places import layer_blocks
from prototxt.formats.text_tokens import TextError, decoded
from prototxt.formats.upgrade import upgrade_net, upgrade_solver

M = TypeVar("M", bound=Message)


def read_net(path: Path | str) -> NetParameter:
    """Read a net's prototxt, upgraded to the newest layer form.

    Raises
    ------
    FormatError : if the file is missing, binary, or not a net; the sentence names file, line, layer, what was found
        and what is allowed.
    """
    return parse_net(_read_text(path), str(path))


def parse_net(text: str, source: str = "<text>") -> NetParameter:
    """Parse a net's text, upgraded to the newest layer form; ``source`` is the name that errors give it."""
    return upgrade_net(parse_message(text, NetParameter, source), source)


def read_solver(path: Path | str) -> SolverParameter:
    """Read a solver's prototxt, upgraded (``solver_type`` to ``type``); paths in it stay as written.

    Raises
    ------
    FormatError : as `read_net`.
    """
    return upgrade_solver(parse_message(_read_text(path), SolverParameter, str(path)), str(path))


def read_message(path: Path | str, message_class: type[M]) -> M:
    """Read any message of ``caffe.proto`` from a prototxt, as it stands (nothing is upgraded).

    Raises
    ------
    FormatError : as `read_net`.
    """
    return parse_message(_read_text(path), message_class, str(path))


def parse_message(text: str, message_class: type[M], source: str = "<text>") -> M:
    """Parse any message of ``caffe.proto`` from text, as it stands (nothing is upgraded).

    Raises
    ------
    FormatError : as `read_net`, and if a required field is missing.
    """
    message = message_class()
    try:
        parse_into(message, text)
    except TextError as error:
        raise FormatError(explain(error, text, source)) from None
    if sentence := explain_missing_fields(message, text, source):
        raise FormatError(sentence)
    return message


def to_text(message: Message) -> str:
    """Text of a message as Caffe writes it: two spaces a level, floats as the shortest text for the same float32."""
    return text_format.MessageToString(message, as_utf8=True)


def write_message(path: Path | str, message: Message) -> None:
    """Write a message's text to ``path``, whole or not at all.

    Raises
    ------
    FormatError : if the place cannot be written to.
    """
    atomic.write_text(path, to_text(message))


def where(path: Path | str, layer: str) -> str:
    """``file:line`` of the first layer called ``layer``; the file alone where it has no such layer or is gone."""
    try:
        blocks = layer_blocks(_read_text(path))
    except FormatError:
        return str(path)
    return next((f"{path}:{block.first_line}" for block in blocks if block.name == layer), str(path))


def _read_text(path: Path | str) -> str:
    data = read_bytes(path, "a prototxt")
    if b"\0" in data or kind_of(path, data) in KNOWN_KINDS:
        raise FormatError(f"{path}: is {kind_of(path, data)}, not text; a prototxt is expected here")
    return decoded(data.removeprefix(codecs.BOM_UTF8))
