"""Expressions of Python and how they are laid out on lines, as ``ruff format`` does it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WIDTH = 88
SUM, PRODUCT, ATOM = 1, 2, 3
"""How tightly an expression holds together."""


@dataclass(frozen=True)
class Code:
    """An expression.

    Attributes
    ----------
    text : on one line.
    level : `SUM`, `PRODUCT`, or `ATOM` for names, calls and everything in brackets.
    head, items, tail : of a call or a list: what opens it, what it holds, and what closes it.
    operands, operators : of a chain of additions and subtractions, or of multiplications and divisions.
    """

    text: str
    level: int = ATOM
    head: str = ""
    items: tuple[Code, ...] = ()
    tail: str = ""
    operands: tuple[Code, ...] = ()
    operators: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


def call(
    function: str, *arguments: Code | str | float, **keywords: Code | str | float | bool | tuple[int, ...]
) -> Code:
    """``function(arguments, key=value)``; strings are code."""
    items = [code(argument) for argument in arguments]
    items += [_keyword(name, code(value)) for name, value in keywords.items()]
    return bracketed(f"{function}(", items, ")")


def _keyword(name: str, value: Code) -> Code:
    if value.head:
        return bracketed(f"{name}={value.head}", value.items, value.tail)
    return Code(f"{name}={value.text}")


def method(of: Code, name: str, *arguments: Code | str | float, **keywords: Code | str | float | bool) -> Code:
    """``of.name(arguments)``."""
    return call(f"{in_brackets(of, ATOM)}.{name}", *arguments, **keywords)


def bracketed(head: str, items: Sequence[Code], tail: str) -> Code:
    """``head`` items with commas ``tail``."""
    return Code(f"{head}{', '.join(item.text for item in items)}{tail}", ATOM, head, tuple(items), tail)


def listed(items: Sequence[Code]) -> Code:
    """``[a, b]``."""
    return bracketed("[", items, "]")


def code(value: Code | str | float | bool | tuple[int, ...]) -> Code:
    """Code of a value: numbers as the shortest text for the same float32."""
    if isinstance(value, Code):
        return value
    return Code(value if isinstance(value, str) else number(value))


def number(value: float | bool | tuple[int, ...]) -> str:
    """Text of a number, or of several."""
    if isinstance(value, (bool, int, tuple)):
        return str(value)
    if not np.isfinite(value):
        return f'float("{value}")'
    largest = float(np.finfo(np.float32).max)
    short = float(str(np.float32(value))) if abs(value) < largest else float(value)
    return repr(short).replace("e+", "e")


def string(text: str) -> str:
    """A literal of a text, in the quotes that need no escaping."""
    literal = json.dumps(text, ensure_ascii=False)
    if '"' not in text or "'" in text or "\\" in text:
        return literal
    inner = literal[1:-1].replace('\\"', '"')
    return f"'{inner}'"


def in_docstring(text: str) -> str:
    """A text without what would end a docstring or mean something in it."""
    return " ".join(text.replace("\\", "/").replace('"', "'").split())


def chain(operator: str, left: Code, right: Code) -> Code:
    """``left operator right``; a left operand of the same level goes on in the same chain."""
    level = SUM if operator in "+-" else PRODUCT
    text = f"{in_brackets(left, level)} {operator} {in_brackets(right, level + 1)}"
    goes_on = left.level == level
    operands = left.operands if goes_on else (_operand(left, level),)
    operators = left.operators if goes_on else ()
    return Code(text, level, operands=(*operands, _operand(right, level + 1)), operators=(*operators, operator))


def _operand(inner: Code, level: int) -> Code:
    return inner if inner.level >= level else Code(in_brackets(inner, level))


def in_brackets(inner: Code, level: int) -> str:
    """Its text, in brackets unless it holds together as tightly as ``level``."""
    return inner.text if inner.level >= level else f"({inner.text})"


def statement(start: str, expression: Code, indent: int) -> list[str]:
    """The lines of ``start expression``, such as ``x = f(y)``."""
    margin = " " * indent
    line = f"{margin}{start}{expression.text}"
    if len(line) <= WIDTH:
        return [line]
    if expression.head:
        return _opened(margin + start, expression, indent, "")
    if expression.operands:
        inner = [f"{margin}    {expression.text}"]
        terms = inner if len(inner[0]) <= WIDTH else _terms(expression, margin + "    ")
        return [f"{margin}{start}(", *terms, f"{margin})"]
    return [line]


def _terms(chained: Code, margin: str, before: str = "") -> list[str]:
    """A line for every operand; one that does not fit, and is a chain itself, goes on on the next line."""
    lines: list[str] = []
    for operator, operand in zip((before, *chained.operators), chained.operands, strict=True):
        start = f"{operator} " if operator else ""
        line = f"{margin}{start}{operand.text}"
        fits = len(line) <= WIDTH or not operand.operands
        lines += [line] if fits else _terms(operand, margin, operator)
    return lines


def _opened(start: str, expression: Code, indent: int, comma: str) -> list[str]:
    """A call or list whose brackets stand on lines of their own."""
    margin = " " * (indent + 4)
    lines = [margin + ", ".join(item.text for item in expression.items)]
    if len(lines[0]) > WIDTH:
        lines = [line for item in expression.items for line in _item(item, indent + 4)]
    return [start + expression.head, *lines, " " * indent + expression.tail + comma]


def _item(item: Code, indent: int) -> list[str]:
    margin = " " * indent
    line = f"{margin}{item.text},"
    if len(line) <= WIDTH or not (item.head or item.operands):
        return [line]
    if item.head:
        return _opened(margin, item, indent, ",")
    *terms, last = _terms(item, margin)
    return [*terms, f"{last},"]
