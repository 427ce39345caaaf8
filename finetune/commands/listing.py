"""``python -m finetune list``."""

from __future__ import annotations

from finetune.commands import run_demo
from finetune.methods import METHODS
from finetune.study.shipped import shipped_studies, title_of


def list_command() -> None:
    """Name the experiments, the studies that ship with the program, and the methods."""
    _show("experiments, for `run NAME`", {run_demo.NAME: run_demo.WHAT})
    _show("studies, for `run NAME`", {name: title_of(path) for name, path in shipped_studies().items()})
    _show("methods, for study files", {name: f"{each.title} – {each.what}" for name, each in METHODS.items()})


def _show(title: str, entries: dict[str, str]) -> None:
    if entries:
        width = max(map(len, entries))
        print(f"{title}:", *(f"  {name:{width}}  {what}" for name, what in entries.items()), sep="\n")
