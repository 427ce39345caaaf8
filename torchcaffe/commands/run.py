"""``torchcaffe run`` and ``torchcaffe path``: programs of other people that say ``import caffe``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from prototxt.common.errors import InputError
from torchcaffe.serving import FOLDER


def run(arguments: Sequence[str]) -> None:
    """Run a script whose ``import caffe`` gives torchcaffe, whatever Caffe is installed.

    Parameters
    ----------
    arguments : as they would stand behind ``python``: the script and its own arguments, or ``-m module`` …

    Raises
    ------
    InputError : there are none, or the script is not there.
    SystemExit : with the script's exit code.
    """
    if not arguments:
        raise InputError("run needs a script: torchcaffe run script.py arguments …")
    if not arguments[0].startswith("-") and not os.path.exists(arguments[0]):
        raise InputError(f"run: there is no script {arguments[0]}")
    paths = [str(FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, *arguments]
    if os.name == "posix":
        sys.stdout.flush()
        os.execve(sys.executable, command, environment)  # signals and the exit code are the script's own
    raise SystemExit(subprocess.run(command, env=environment, check=False).returncode)


def path(arguments: Sequence[str]) -> None:
    """Print the folder for ``PYTHONPATH``; old names of Caffe's tools are in ``bin`` of it.

    Raises
    ------
    InputError : there are arguments.
    """
    if arguments:
        raise InputError(f"path takes no arguments; got {' '.join(arguments)}")
    print(FOLDER)
