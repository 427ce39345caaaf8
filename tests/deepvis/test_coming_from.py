"""docs/coming-from-deepvis.md: what it says of keys, settings and commands holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deepvis.__main__ import COMMANDS as PROGRAMS
from deepvis.settings.old_names import OLD_NAMES
from deepvis.settings.settings import Settings
from deepvis.views.keys import KEYMAPS, commands_of, keys_text

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "coming-from-deepvis.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return TEXT.split(f"## {title}\n")[1].split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]


def test_every_key_of_theirs_does_something() -> None:
    known = {key for keymap in KEYMAPS for command in commands_of(keymap) for key in keys_text(command).split()}
    named = [
        key for _, keys, _ in rows(section("Keys"))[1:] for part in re.findall(r"`(.+?)`", keys) for key in part.split()
    ]
    assert len(named) > 40
    assert [key for key in named if key not in known] == []


def test_settings_that_it_names_exist() -> None:
    named = "".join(section(title) for title in ("Views of a layer (`s`)", "Input", "Normalisation"))
    words = set(re.findall(r"`([a-z]+_[a-z_]+)`", named))
    assert len(words) > 15
    ours = {"keymap", "mean", "std", "raw_scale", "channel_order", "resize_to", "unit_pictures", "layer_names"}
    assert ours <= set(Settings.model_fields)
    assert {name for name in words if name.startswith(("caffevis_", "caffe_net_"))} <= set(OLD_NAMES)


@pytest.mark.parametrize("name", ["scan", "export", "synthesise", "mean", "snapshot", "settings"])
def test_programs_that_it_names_exist(name: str) -> None:
    assert f"deepvis {name}" in TEXT
    assert name in PROGRAMS


def test_documents_that_it_names_exist() -> None:
    assert [name for name in re.findall(r"`docs/(.+?)`", TEXT) if not (DOCS / name).is_file()] == []
