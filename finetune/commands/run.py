"""``python -m finetune run``: the demo, or a study; what is run decides which options there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from finetune.commands.run_demo import NAME, run_demo_command
from finetune.commands.run_study import run_study_command


def choose_run(arguments: Sequence[str]) -> Callable[..., None]:
    """Give the command that ``run`` means."""
    return run_demo_command if NAME in arguments[1:] else run_study_command
