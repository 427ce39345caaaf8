"""``python -m finetune run``: the demo, or a study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import tyro

from finetune.commands import run_demo
from finetune.commands.listing import experiments
from finetune.errors import ExperimentError


def choose_run(arguments: Sequence[str]) -> Callable[..., None]:
    """Give the command that ``run`` means: what is run decides which options there are."""
    return run_demo.run_demo_command if run_demo.NAME in arguments[1:] else run_experiment


def run_experiment(name: Annotated[str, tyro.conf.Positional]) -> None:
    """Run an experiment.

    Parameters
    ----------
    name
        which one; `list` names them all, and `run demo --help` says what of it can be changed.
    """
    raise ExperimentError(f"there is no experiment {name!r}; there is {', '.join(experiments())}")
