"""Links that a user wants to find again, by name, and the models that were open last: files that a person can read."""

from __future__ import annotations

import json
import os
from pathlib import Path

from deepvis.errors import SettingsError
from prototxt.common.atomic import write_text

RECENT = 12


def user_folder() -> Path:
    """Where a user's own files are: ``deepvis`` in ``$XDG_CONFIG_HOME``, by default ``~/.config``."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "deepvis"


class Bookmarks:
    """Links by name, in ``bookmarks.json``: an object, a line for each; the file is read whenever it is asked.

    Parameters
    ----------
    folder : of the file; it is made when something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / "bookmarks.json"

    def all(self) -> dict[str, str]:
        """Links by name, in the order in which they were added; a `SettingsError` if the file is broken."""
        return {str(name): str(link) for name, link in dict(_read(self.file, {})).items()}

    def add(self, name: str, link: str) -> None:
        """Keep a link, in the place of another of that name."""
        _write(self.file, {**self.all(), name: link})

    def remove(self, name: str) -> None:
        """Forget a link; nothing happens where there is none of that name."""
        _write(self.file, {other: link for other, link in self.all().items() if other != name})


class RecentModels:
    """Links to the models that were open last, the newest first, in ``recent.json``.

    Parameters
    ----------
    folder : of the file; it is made when something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / "recent.json"

    def all(self) -> list[str]:
        """The links; a `SettingsError` if the file is broken."""
        return [str(link) for link in _read(self.file, [])]

    def add(self, link: str) -> None:
        """Put a model at the top; of several links to one model the newest is kept."""
        model = link.partition("?")[0]
        others = [other for other in self.all() if other.partition("?")[0] != model]
        _write(self.file, [link, *others][:RECENT])


def _read(file: Path, empty: dict | list) -> dict | list:
    if not file.is_file():
        return empty
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file}: cannot be read ({error}); mend it, or remove it to start anew") from error
    if not isinstance(content, type(empty)):
        raise SettingsError(f"{file}: must hold {json.dumps(empty)} with links; mend it, or remove it to start anew")
    return content


def _write(file: Path, content: dict | list) -> None:
    write_text(file, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
