"""The studies that ship with the program, ``finetune/studies/*.toml``, by name."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

from finetune.errors import ExperimentError
from finetune.study.spelling import unknown


def shipped_studies() -> dict[str, Path]:
    """Name to file."""
    folder = Path(str(files("finetune"))) / "studies"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def title_of(path: Path) -> str:
    """The title of a study file; empty where it has none or is no TOML."""
    try:
        return str(tomllib.loads(path.read_text(encoding="utf-8")).get("title", ""))
    except (OSError, ValueError):
        return ""


def find_study(name: str, experiments: list[str]) -> Path:
    """The file that a name or a path means.

    Parameters
    ----------
    experiments : what else can be run by name, for the message.

    Raises
    ------
    ExperimentError : there is none.
    """
    known = shipped_studies()
    if name in known:
        return known[name]
    if name.endswith(".toml") or Path(name).is_file():
        return Path(name)
    raise ExperimentError(f"{unknown('experiment', name, [*experiments, *known])}; or give the path of a study.toml")
