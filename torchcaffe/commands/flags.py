"""Flags in both of gflags' spellings (``-solver x`` and ``--solver=x``), among the arguments of a command.

Source: the documentation of gflags 2.2 (``-flagfile``, ``-fromenv``, ``-undefok``, ``-nofoo``, ``--``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prototxt.common.errors import InputError
from prototxt.common.names import did_you_mean

Value = str | int | float | bool

TRUE, FALSE = ("1", "t", "true", "y", "yes"), ("0", "f", "false", "n", "no")
HELP = ("help", "h", "helpfull", "helpshort", "helpon", "helppackage", "helpmatch", "helpxml")


@dataclass(frozen=True)
class Flag:
    """A flag: what it is for, and its default, whose type says what values it takes.

    ``variable`` is read in its place from the environment, where it is there and the flag is not.
    """

    name: str
    what: str
    default: Value = ""
    choices: tuple[str, ...] = ()
    variable: str = ""

    def read(self, text: str) -> Value:
        """A value from the command line.

        Raises
        ------
        InputError : it is of another kind.
        """
        if self.choices and text not in self.choices:
            shown = ", ".join(choice or "''" for choice in self.choices)
            raise InputError(f"-{self.name} must be one of {shown}; got '{text}'")
        try:
            return _READERS[type(self.default)](text)
        except ValueError:
            raise InputError(f"-{self.name} must be {_KINDS[type(self.default)]}; got '{text}'") from None


@dataclass(frozen=True)
class Call:
    """A command as it was called.

    Attributes
    ----------
    command : its name.
    values : of all its flags, by name.
    arguments : what is no flag, in order.
    given : names of the flags that were given.
    """

    command: str
    values: Mapping[str, Value]
    arguments: Sequence[str] = ()
    given: frozenset[str] = field(default_factory=frozenset)

    def text(self, flag: str) -> str:
        """The value of a flag that takes text; '' where it is not given and has no default."""
        return str(self.values[flag])

    def number(self, flag: str) -> int:
        """The value of a flag that takes an integer."""
        return int(self.values[flag])

    def real(self, flag: str) -> float:
        """The value of a flag that takes a number."""
        return float(self.values[flag])

    def switch(self, flag: str) -> bool:
        """The value of a flag that is on or off."""
        return bool(self.values[flag])

    def words(self, flag: str) -> list[str]:
        """The value of a flag, taken apart at its commas."""
        return [word for word in self.text(flag).split(",") if word]

    def required(self, flag: str, why: str) -> str:
        """The value of a flag that must be given.

        Raises
        ------
        InputError : it is not.
        """
        value = self.text(flag)
        if not value:
            raise InputError(f"{self.command} needs {why}; give -{flag} FILE")
        return value


class HelpWantedError(Exception):
    """``-help`` or ``-version`` was asked for; says which."""


def parse(command: str, arguments: Sequence[str], flags: Sequence[Flag]) -> Call:
    """Take a command's arguments apart.

    Raises
    ------
    InputError : an unknown flag, one without its value, or a value that is not allowed.
    HelpWantedError : for ``-help``, in all of gflags' forms, and ``-version``.
    """
    known = {flag.name: flag for flag in flags}
    values: dict[str, Value] = {flag.name: _default(flag) for flag in flags}
    rest: list[str] = []
    given: set[str] = set()
    unheeded = {name.strip() for word in arguments if word.lstrip("-").startswith("undefok=")
                for name in word.partition("=")[2].split(",")}  # fmt: skip
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest.extend(words)
        elif not word.startswith("-") or word == "-":
            rest.append(word)
        else:
            for name, text in _expanded(word, words, known, unheeded, command):
                values[name] = known[name].read(text)
                given.add(name)
    return Call(command, values, tuple(rest), frozenset(given))


def _expanded(
    word: str, words: Iterator[str], known: Mapping[str, Flag], unheeded: set[str], command: str
) -> Iterator[tuple[str, str]]:
    """The flags that one word of the command line sets, with their values as text."""
    name, equals, text = word.removeprefix("-").removeprefix("-").partition("=")
    if name in HELP or name == "version":
        raise HelpWantedError(name)
    if name in ("flagfile", "fromenv", "tryfromenv", "undefok"):
        value = text if equals else _next(words, name)
        yield from _SOURCES[name](value, known, unheeded, command)
    elif name in known:
        switch = isinstance(known[name].default, bool)
        yield name, text if equals else ("true" if switch else _next(words, name))
    elif name.startswith("no") and isinstance(known.get(name[2:], Flag("", "")).default, bool) and not equals:
        yield name[2:], "false"
    elif name not in unheeded:
        hint = did_you_mean(name, known, f"torchcaffe {command} -help lists them".replace("  ", " "))
        raise InputError(f"unknown command line flag '{name}'; {hint}")


def _next(words: Iterator[str], name: str) -> str:
    word = next(words, None)
    if word is None:
        raise InputError(f"flag '-{name}' is missing its argument")
    return word


def _from_files(value: str, known: Mapping[str, Flag], unheeded: set[str], command: str) -> Iterator[tuple[str, str]]:
    for path in value.split(","):
        try:
            lines = Path(path).read_text().splitlines()
        except OSError as error:
            raise InputError(f"-flagfile {path}: cannot be read ({error.strerror})") from None
        for line in map(str.strip, lines):
            if line.startswith("-"):  # others are comments, or name programs
                yield from _expanded(line, iter(()), known, unheeded, command)


def _from_environment(
    value: str, known: Mapping[str, Flag], unheeded: set[str], command: str
) -> Iterator[tuple[str, str]]:
    for name in value.split(","):
        if name not in known:
            raise InputError(f"unknown command line flag '{name}' (in -fromenv); torchcaffe {command} -help lists them")
        if (text := os.environ.get(f"FLAGS_{name}")) is not None:
            yield name, text
        else:
            raise InputError(f"-fromenv {name}: FLAGS_{name} is not in the environment; -tryfromenv does without")


def _from_environment_if_there(
    value: str, known: Mapping[str, Flag], unheeded: set[str], command: str
) -> Iterator[tuple[str, str]]:
    there = [name for name in value.split(",") if f"FLAGS_{name}" in os.environ]
    if there:
        yield from _from_environment(",".join(there), known, unheeded, command)


def _nothing(value: str, known: Mapping[str, Flag], unheeded: set[str], command: str) -> Iterator[tuple[str, str]]:
    return iter(())


def _default(flag: Flag) -> Value:
    text = os.environ.get(flag.variable)
    if text is None:
        return flag.default
    try:
        return flag.read(text)
    except InputError as error:
        raise InputError(f"${flag.variable} in the environment: {error}") from None


def _read_bool(text: str) -> bool:
    if text.lower() not in (*TRUE, *FALSE):
        raise ValueError
    return text.lower() in TRUE


def _read_int(text: str) -> int:
    return int(text, 16 if text.lower().startswith("0x") else 10)


_SOURCES = {
    "flagfile": _from_files,
    "fromenv": _from_environment,
    "tryfromenv": _from_environment_if_there,
    "undefok": _nothing,
}
_READERS: dict[type, Callable[[str], Value]] = {str: str, int: _read_int, float: float, bool: _read_bool}
_KINDS = {str: "text", int: "an integer", float: "a number", bool: "true or false"}
