"""Which lines of a prototxt belong to which layer, told from the text alone: it works on text that does not parse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""
    (?P<comment>\#[^\n]*)
  | (?P<string>"(?:\\.|[^"\\\n])*["\n]|'(?:\\.|[^'\\\n])*['\n])
  | (?P<open>[{<])
  | (?P<close>[}>])
  | (?P<word>[\w.+-]+)
  | (?P<newline>\n)
    """,
    re.VERBOSE,
)


@dataclass
class LayerBlock:
    """The lines of one ``layer { … }``, counted from 1; ``last_line`` of an unclosed block is the end of the text."""

    name: str
    type: str
    first_line: int
    last_line: int


@dataclass
class _Block:
    key: str
    line: int
    fields: dict[str, str] = field(default_factory=dict)


def layer_blocks(text: str) -> list[LayerBlock]:
    """All layers of a prototxt in the order in which they begin, unnamed ones with the name ``''``.

    A V0 layer (``layers { layer { name: … } }``) gives two blocks of the same name.
    """
    found = sorted(_closed_blocks(text), key=lambda block: block.first_line)
    return [block for block in found if block.name or not _encloses_another(block, found)]


def layer_at(text: str, line: int) -> LayerBlock | None:
    """The innermost named layer whose lines hold ``line``, or None."""
    around = [b for b in layer_blocks(text) if b.name and b.first_line <= line <= b.last_line]
    return max(around, key=lambda block: block.first_line, default=None)


def _encloses_another(block: LayerBlock, blocks: list[LayerBlock]) -> bool:
    return any(
        other is not block and block.first_line <= other.first_line and other.last_line <= block.last_line
        for other in blocks
    )


def _closed_blocks(text: str) -> Iterator[LayerBlock]:
    stack: list[_Block] = []
    key, line, start = "", 1, 1
    for token in _TOKEN.finditer(text):
        kind, value = token.lastgroup, token.group()
        if kind == "word":
            if stack and key in ("name", "type"):
                stack[-1].fields.setdefault(key, value)
            key, start = value, line
        elif kind == "string" and stack:
            stack[-1].fields.setdefault(key, value[1:-1])
            key = ""
        elif kind == "open":
            stack.append(_Block(key, start))
            key = ""
        elif kind == "close" and stack:
            yield from _as_layer(stack.pop(), line)
            key = ""
        line += value.count("\n")
    for block in reversed(stack):
        yield from _as_layer(block, line)


def _as_layer(block: _Block, last_line: int) -> Iterator[LayerBlock]:
    if block.key in ("layer", "layers"):
        yield LayerBlock(block.fields.get("name", ""), block.fields.get("type", ""), block.line, last_line)
