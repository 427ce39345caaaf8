"""``torchcaffe train|test|time``: Caffe's command line; ``torchcaffe run|path``: other people's programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from prototxt.common.errors import errors_as_sentences
from prototxt.common.heap import keep_freed_memory
from torchcaffe.commands.run import path, run

PROGRAMS: dict[str, Callable[[Sequence[str]], None]] = {"run": run, "path": path}
"""Commands that take no flags of Caffe's, and for which nothing of torch is loaded."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; bad input ends it with exit code 1 and one sentence, Ctrl-C with 130.

    Parameters
    ----------
    arguments : without the program's name; by default those of the process.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    with errors_as_sentences("torchcaffe", exit_code=1):
        if given and given[0] in PROGRAMS:
            PROGRAMS[given[0]](given[1:])
        else:
            _run_caffe(given)


def _run_caffe(arguments: Sequence[str]) -> None:
    """Run ``train``, ``test`` or ``time``."""
    keep_freed_memory()
    flags = import_module("torchcaffe.commands.flags").parse_flags(arguments)
    command = getattr(import_module(f"torchcaffe.commands.{flags.command}"), flags.command)
    with import_module("torchcaffe.commands.glog").log_to_stderr(flags.minloglevel):
        command(flags)  # Ctrl-C reaches us only outside training, which makes a request of it


if __name__ == "__main__":
    main()
