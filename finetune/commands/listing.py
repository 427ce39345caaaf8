"""``python -m finetune list``."""

from __future__ import annotations

from finetune.commands import run_demo


def experiments() -> dict[str, str]:
    """What `run` knows by name, and what it is."""
    return {run_demo.NAME: run_demo.WHAT}


def list_command() -> None:
    """Say which experiments there are."""
    for name, what in experiments().items():
        print(f"{name:8} {what}")
