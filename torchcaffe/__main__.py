"""``torchcaffe train|test|time``: Caffe's command line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from prototxt.common.errors import errors_as_sentences
from prototxt.common.heap import keep_freed_memory
from torchcaffe.commands.flags import Flags, parse_flags
from torchcaffe.commands.glog import log_to_stderr
from torchcaffe.commands.test import test
from torchcaffe.commands.time import time
from torchcaffe.commands.train import train

COMMANDS: dict[str, Callable[[Flags], None]] = {"train": train, "test": test, "time": time}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; bad input ends it with exit code 1 and one sentence, Ctrl-C with 130.

    Parameters
    ----------
    arguments : without the program's name; by default those of the process.
    """
    keep_freed_memory()
    with errors_as_sentences("torchcaffe", exit_code=1):
        flags = parse_flags(sys.argv[1:] if arguments is None else arguments)
        with log_to_stderr(flags.minloglevel):
            COMMANDS[flags.command](flags)  # Ctrl-C reaches us only outside training, which makes a request of it


if __name__ == "__main__":
    main()
