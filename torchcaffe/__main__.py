"""``torchcaffe COMMAND …``: Caffe's command line, its tools, and other people's programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from prototxt.common.errors import InputError, errors_as_sentences
from prototxt.common.heap import keep_freed_memory
from prototxt.common.names import did_you_mean
from torchcaffe.commands.flags import Call, HelpWantedError, parse
from torchcaffe.commands.glog import GLOG_FLAGS, UNHEEDED_FLAGS, logging_as
from torchcaffe.commands.help import help_of, overview, usage
from torchcaffe.commands.table import BREW, COMMANDS, GONE, Command

ALL_FLAGS = tuple(
    {flag.name: flag for command in BREW for flag in (*command.flags, *GLOG_FLAGS, *UNHEEDED_FLAGS)}.values()
)
"""Those of Caffe's program ``caffe``: each of its commands takes them all."""
VERSION = "caffe version 1.0.0 (torchcaffe)"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; bad input ends it with exit code 1 and one sentence, Ctrl-C with 130.

    Parameters
    ----------
    arguments : without the program's name; by default those of the process. None at all shows the help.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    with errors_as_sentences("torchcaffe", exit_code=1):
        try:
            command, rest = choose(words)
            if command is None:
                _show(overview())
            elif command.raw:
                _code(command)(words if command in GONE else rest)
            else:
                _run(command, rest)
        except HelpWantedError as wanted:
            _show(VERSION if str(wanted) == "version" else overview())


def choose(words: Sequence[str]) -> tuple[Command | None, list[str]]:
    """The command that words name, and the other words; flags of ``caffe`` may stand before its commands.

    Raises
    ------
    InputError : there is no such command.
    HelpWantedError : help is asked for.
    """
    if not words:
        return None, []
    if words[0] in COMMANDS:
        return COMMANDS[words[0]], list(words[1:])
    named = parse("", words, ALL_FLAGS).arguments
    if not named:
        raise InputError(f"a command is missing; torchcaffe has {', '.join(COMMANDS)}")
    if named[0] not in COMMANDS:
        raise InputError(f"unknown command '{named[0]}'; {did_you_mean(named[0], COMMANDS, _all_commands())}")
    rest = list(words)
    rest.remove(named[0])
    return COMMANDS[named[0]], rest


def _run(command: Command, words: Sequence[str]) -> None:
    flags = ALL_FLAGS if command in BREW else (*command.flags, *GLOG_FLAGS, *UNHEEDED_FLAGS)
    try:
        call = parse(command.name, words, flags)
    except HelpWantedError as wanted:
        _show(VERSION if str(wanted) == "version" else help_of(command))
        return
    _check_arguments(command, call)
    keep_freed_memory()
    with logging_as(call) as log:
        for name in sorted(call.given - {flag.name for flag in (*command.flags, *GLOG_FLAGS, *UNHEEDED_FLAGS)}):
            log.warning("-%s means nothing to %s", name, command.name)
        _code(command)(call)  # Ctrl-C reaches us only outside training, which makes a request of it


def _show(text: str) -> None:
    """Print; whoever reads it may stop in the middle (``torchcaffe | head``)."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that Python's last flush goes well


def _check_arguments(command: Command, call: Call) -> None:
    """Refuse too few arguments, and too many.

    Raises
    ------
    InputError : naming how the command is called.
    """
    most = len(call.arguments) if command.arguments and command.arguments[-1].endswith("…") else len(command.arguments)
    if not command.needed <= len(call.arguments) <= most:
        given = " ".join(call.arguments) or "none"
        raise InputError(f"{command.name} takes other arguments than these: {given}; usage: {usage(command)}")


def _code(command: Command) -> Callable[..., Any]:
    module, _, function = command.code.partition(":")
    code: Callable[..., Any] = getattr(import_module(f"torchcaffe.commands.{module}"), function)
    return code


def _all_commands() -> str:
    return f"torchcaffe has {', '.join(COMMANDS)}"


if __name__ == "__main__":
    main()
