"""``python -m finetune``: experiments that show how much less a network forgets."""

from __future__ import annotations

import sys
from typing import Any

import tyro

from finetune.commands.compare import compare_command
from finetune.commands.evaluate import evaluate_command
from finetune.commands.events import events_command
from finetune.commands.export import export_command
from finetune.commands.listing import list_command
from finetune.commands.packing import pack_command, unpack_command
from finetune.commands.report import report_command
from finetune.commands.run import choose_run
from prototxt.common.errors import errors_as_sentences

COMMANDS: dict[str, Any] = {
    "evaluate": evaluate_command,
    "report": report_command,
    "compare": compare_command,
    "events": events_command,
    "export": export_command,
    "pack": pack_command,
    "unpack": unpack_command,
    "list": list_command,
}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; bad input ends it with a sentence and exit code 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    commands = {"run": choose_run(arguments), **COMMANDS}
    with errors_as_sentences("finetune"):
        tyro.extras.subcommand_cli_from_dict(commands, prog="python -m finetune", args=arguments)


if __name__ == "__main__":
    main()
