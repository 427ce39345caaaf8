"""Protobuf's text format taken apart into tokens, by the rules of the C++ library that Caffe reads with.

They are not those of Python's library: a minus may stand apart from its number, ``00`` is a bool, and no space but
ASCII's is one. Source: io/tokenizer.cc of protobuf 3.12, which BVLC Caffe 1.0 is packaged with.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

IDENTIFIER, INTEGER, FLOAT, STRING, SYMBOL, END = "identifier", "integer", "float", "string", "symbol", "end"

BACKSLASHES = r"a prototxt writes a backslash as '\\', and paths may have '/' in its place"
UNCLOSED = "the text in quotes is never closed"

_TOKEN = re.compile(
    r"""
    (?P<blank>[ \t\r\v\f\n]+ | \#[^\n]*)
  | (?P<identifier>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<float>(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]*)?[fF]?
            | (?:0|[1-9][0-9]*)(?:[eE][+-]?[0-9]*[fF]?|[fF]))
  | (?P<integer>0[xX][0-9A-Fa-f]* | [0-9]+)
  | (?P<string>"(?:\\[^\0\n]|[^"\\\0\n])*" | '(?:\\[^\0\n]|[^'\\\0\n])*')
  | (?P<symbol>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"""\\(?:
    (?P<letter>[abfnrtv\\?'"])
  | (?P<octal>[0-7]{1,3})
  | x(?P<hex>[0-9A-Fa-f]{1,2})
  | u(?P<pair>[dD][89ABab][0-9A-Fa-f]{2}\\u[dD][C-Fc-f][0-9A-Fa-f]{2})
  | u(?P<short>[0-9A-Fa-f]{4})
  | U(?P<long>00[01][0-9A-Fa-f]{5})
  | (?P<unknown>.?)
    )""",
    re.VERBOSE,
)
_LETTERS = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, "?": 63, "'": 39, '"': 34}


class TextError(Exception):
    """A place in a text that Caffe does not read, and why; ``line`` is counted from 1."""

    def __init__(self, line: int, said: str) -> None:
        super().__init__(said)
        self.line = line


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text; ``kind`` is one of the constants of this module, and ``line`` the one that it begins in."""

    kind: str
    text: str
    line: int


def tokens(text: str) -> list[Token]:
    """All tokens, without spaces and comments; the last one is `END`, in the line of the one before.

    Raises
    ------
    TextError : a character that Caffe takes nowhere, a string without an end, a number that is none.
    """
    found, line = [], 1
    for match in _TOKEN.finditer(text):
        kind, piece = match.lastgroup or SYMBOL, match.group()
        if kind != "blank":
            _refuse(kind, piece, text[match.end() : match.end() + 1], line)
            found.append(Token(kind, piece, line))
        line += piece.count("\n")
    return [*found, Token(END, "", found[-1].line if found else 1)]


def unescaped(token: Token) -> bytes:
    r"""The bytes that a string token stands for.

    Raises
    ------
    TextError : a backslash that begins no escape of C.
    """
    body = token.text[1:-1]
    raw, end = bytearray(), 0
    for match in _ESCAPE.finditer(body):
        if match.lastgroup == "unknown":
            raise TextError(token.line, bad_escape(match.group(), token.text))
        raw += body[end : match.start()].encode()
        raw += _meant(match)
        end = match.end()
    return bytes(raw + body[end:].encode())


def decoded(data: bytes) -> str:
    """Bytes as text: UTF-8; a byte that is none, and only that one, is taken for Latin-1."""
    return data.decode("utf-8", "surrogateescape").translate(_LATIN_1)


_LATIN_1 = {0xDC00 + byte: byte for byte in range(0x80, 0x100)}


def bad_escape(escape: str, string: str) -> str:
    """Say that a backslash must be written twice; ``string`` is what stands in the file, with its quotes."""
    return f"{shown(string)} has a backslash that begins no escape ('{escape}'); {BACKSLASHES}"


def shown(text: str) -> str:
    """Text for a sentence: the beginning of it."""
    return text if len(text) <= 60 else f"{text[:60]}…"


def _meant(match: re.Match[str]) -> bytes:
    """The bytes that an escape stands for."""
    kind, digits = match.lastgroup or "", match.group(match.lastgroup or 0)
    if kind == "letter":
        return bytes([_LETTERS[digits]])
    if kind == "pair":  # of UTF-16: one character beyond its first plane
        return bytes.fromhex(digits.replace("\\u", "")).decode("utf-16-be").encode()
    if kind in ("short", "long"):
        return _utf8(int(digits, 16))
    return bytes([int(digits, 8 if kind == "octal" else 16) % 256])


def _utf8(code: int) -> bytes:
    """UTF-8, also of numbers beyond Unicode's last character, which Caffe takes."""
    if code <= sys.maxunicode:
        return chr(code).encode("utf-8", "surrogatepass")
    return bytes([0xF0 | code >> 18, *(0x80 | code >> shift & 0x3F for shift in (12, 6, 0))])


def _refuse(kind: str, piece: str, following: str, line: int) -> None:
    if kind == SYMBOL:
        _refuse_symbol(piece, line)
    elif kind in (INTEGER, FLOAT):
        _refuse_number(kind, piece, following, line)


def _refuse_symbol(piece: str, line: int) -> None:
    if piece in "\"'":
        raise TextError(line, UNCLOSED)
    if not " " < piece < "\x7f":
        name = "a space that is not ASCII's" if piece.isspace() else "a character"
        raise TextError(line, f"{name} (U+{ord(piece):04X}) stands outside of quotes, where Caffe takes ASCII only")


def _refuse_number(kind: str, piece: str, following: str, line: int) -> None:
    if kind == INTEGER and piece[:2] in ("0x", "0X") and len(piece) == 2:
        raise TextError(line, f"'{piece}' must be followed by hexadecimal digits")
    if kind == INTEGER and piece[0] == "0" and piece.isdigit() and not set(piece) <= set("01234567"):
        raise TextError(line, f"'{piece}' begins with 0, so that it is octal, and has a digit that is none")
    if kind == FLOAT and piece.rstrip("fF")[-1] in "eE+-":
        raise TextError(line, f"'{piece}' lacks the digits of its exponent")
    if following == "." or following == "_" or (following.isascii() and following.isalpha()):
        raise TextError(line, f"'{piece}{following}' is no number; a space must stand behind one")
