"""The command ``deepvis``: the window, and the work that needs none."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import tyro

from prototxt.common.errors import errors_as_sentences
from prototxt.common.heap import keep_freed_memory
from prototxt.pixels.decode import quiet_opencv

# Module of every command, and its function; imported when it is asked for, so that a scan needs no Qt.
COMMANDS = {
    "scan": ("deepvis.commands.scan", "scan_command"),
    "scan merge": ("deepvis.commands.scan", "merge_command"),
    "export": ("deepvis.commands.export", "export_command"),
    "synthesise": ("deepvis.commands.synthesise", "synthesise_command"),
    "mean": ("deepvis.commands.mean", "mean_command"),
    "snapshot": ("deepvis.commands.snapshot", "snapshot_command"),
    "demo": ("deepvis.commands.window", "demo_command"),
    "settings": ("deepvis.commands.settings", "settings_command"),
}
WINDOW = ("deepvis.commands.window", "window_command")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``deepvis``; the first words may name one of `COMMANDS`, else the window opens.

    Returns
    -------
    Exit code 0. What the user can mend ends the program with code 2 and a sentence, Ctrl-C with 130.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    words = next((count for count in (2, 1) if " ".join(arguments[:count]) in COMMANDS), 0)
    name, arguments = " ".join(arguments[:words]), arguments[words:]
    module, function = COMMANDS.get(name, WINDOW)
    quiet_opencv()
    keep_freed_memory()
    with errors_as_sentences("deepvis"):
        command = getattr(import_module(module), function)
        return tyro.cli(command, prog=f"deepvis {name}".strip(), args=arguments) or 0


if __name__ == "__main__":
    sys.exit(main())
