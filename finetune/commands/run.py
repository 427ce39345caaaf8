"""``python -m finetune run``: the demo, or a study; what is run decides which options there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from finetune.ablation.settings import is_ablation
from finetune.commands.run_ablation import run_ablation_command
from finetune.commands.run_demo import NAME, run_demo_command
from finetune.commands.run_study import run_study_command
from finetune.study.shipped import shipped_studies


def choose_run(arguments: Sequence[str]) -> Callable[..., None]:
    """Give the command that ``run`` means."""
    words = arguments[1:]
    if NAME in words:
        return run_demo_command
    known = shipped_studies()
    files = [known.get(word, Path(word)) for word in words]
    return run_ablation_command if any(map(is_ablation, files)) else run_study_command
