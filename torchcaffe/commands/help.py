"""The help of ``torchcaffe`` and of its commands."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from torchcaffe.commands.flags import Flag
from torchcaffe.commands.glog import GLOG_FLAGS
from torchcaffe.commands.table import BREW, COMMANDS, Command

_WIDTH = 100


def overview() -> str:
    """What ``torchcaffe`` and ``torchcaffe -help`` print."""
    flags = list({flag.name: flag for command in BREW for flag in command.flags}.values())
    return "\n".join([
        "torchcaffe: Caffe's command line on PyTorch",
        "usage: torchcaffe <command> <args>",
        "",
        "commands:",
        *(_entry(command.name, command.what, 26) for command in COMMANDS.values()),
        "",
        f"flags of {', '.join(command.name for command in BREW)}, as -flag value or --flag=value:",
        *_flags(flags),
        "",
        "flags of all commands:",
        *_flags(GLOG_FLAGS),
        "",
        "torchcaffe <command> -help says more of a command",
    ])  # fmt: skip


def help_of(command: Command) -> str:
    """What ``torchcaffe COMMAND -help`` prints."""
    return "\n".join([
        f"torchcaffe {command.name}: {command.what}",
        f"usage: {usage(command)}",
        *(["", "flags, as -flag value or --flag=value:"] if command.flags else []),
        *_flags(command.flags),
        "",
        "flags of all commands:",
        *_flags(GLOG_FLAGS),
    ])  # fmt: skip


def usage(command: Command) -> str:
    """How a command is called."""
    return " ".join(["torchcaffe", command.name, *(["[FLAGS]"] if command.flags else []), *command.arguments])


def _flags(flags: Iterable[Flag]) -> list[str]:
    return [_entry(f"-{flag.name}", flag.what + _default(flag), 26) for flag in flags]


def _default(flag: Flag) -> str:
    shown = str(flag.default).lower() if isinstance(flag.default, bool) else str(flag.default)
    return f" (default {shown})" if shown else ""


def _entry(name: str, what: str, indent: int) -> str:
    first = f"  {name:<{indent - 2}}" if len(name) < indent - 2 else f"  {name}\n{' ' * indent}"
    return first + textwrap.fill(what, _WIDTH - indent, subsequent_indent=" " * indent)
