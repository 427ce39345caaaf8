"""How the reports of ablations call a measure."""

from __future__ import annotations

from finetune.ablation.order import HIGHEST_FIRST

TITLES = {"entropy": "H", "mas": "MAS", "taylor": "Taylor", "std": "standard deviation"}


def title_of(measure: str) -> str:
    """How tables show a measure."""
    name = measure.removeprefix(HIGHEST_FIRST)
    return TITLES.get(name, name) + (", highest first" if measure.startswith(HIGHEST_FIRST) else "")
