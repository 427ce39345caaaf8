"""``torchcaffe train|test|time``: Caffe's command line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from prototxt.errors import errors_as_sentences
from torchcaffe.commands.flags import Flags, parse_flags
from torchcaffe.commands.glog import log_to_stderr
from torchcaffe.commands.test import test
from torchcaffe.commands.time import time
from torchcaffe.commands.train import train

COMMANDS: dict[str, Callable[[Flags], None]] = {"train": train, "test": test, "time": time}

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended, as shells have it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; on bad input end with exit code 1 and one sentence.

    Parameters
    ----------
    arguments : without the program's name; by default those of the process.
    """
    with errors_as_sentences("torchcaffe", exit_code=1):
        flags = parse_flags(sys.argv[1:] if arguments is None else arguments)
        with log_to_stderr(flags.minloglevel):
            try:
                COMMANDS[flags.command](flags)
            except KeyboardInterrupt:  # outside training, which makes a request of it
                raise SystemExit(INTERRUPTED) from None


if __name__ == "__main__":
    main()
