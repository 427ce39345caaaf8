"""``python -m entropy measure | plan | plot | repair | write | check | merge | replan``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tyro

from entropy.commands.check import check_command
from entropy.commands.measure import measure_command
from entropy.commands.merge import merge_command
from entropy.commands.plan import plan_command
from entropy.commands.plot import plot_command
from entropy.commands.repair import repair_command
from entropy.commands.replan import replan_command
from entropy.commands.write import write_command
from prototxt.common.errors import errors_as_sentences
from prototxt.pixels.decode import quiet_opencv

COMMANDS: dict[str, Callable[..., None]] = {
    "measure": measure_command,
    "plan": plan_command,
    "plot": plot_command,
    "repair": repair_command,
    "write": write_command,
    "check": check_command,
    "merge": merge_command,
    "replan": replan_command,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; a mistake of the user ends with one sentence and exit code 2."""
    quiet_opencv()
    with errors_as_sentences("entropy"):
        tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="python -m entropy", args=arguments)


if __name__ == "__main__":
    main()
