from pathlib import Path

import pytest

from deepvis.errors import SettingsError
from deepvis.session.bookmarks import RECENT, Bookmarks, RecentModels, user_folder


def test_bookmarks_are_kept_in_their_order_in_a_file_that_can_be_read(tmp_path: Path) -> None:
    kept = Bookmarks(tmp_path / "config")
    assert kept.all() == {}
    kept.add("stripes", "deepvis://a/conv1/3")
    kept.add("Räder", "deepvis://a/conv5/1")
    kept.add("stripes", "deepvis://a/conv1/4")
    assert list(Bookmarks(tmp_path / "config").all().items()) == [
        ("stripes", "deepvis://a/conv1/4"),
        ("Räder", "deepvis://a/conv5/1"),
    ]
    assert '  "Räder": "deepvis://a/conv5/1"\n' in kept.file.read_text(encoding="utf-8")
    kept.remove("stripes")
    kept.remove("nothing")
    assert list(kept.all()) == ["Räder"]


def test_a_broken_file_is_told_and_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "bookmarks.json").write_text("{")
    (tmp_path / "recent.json").write_text("{}")
    with pytest.raises(SettingsError, match=r"bookmarks\.json: cannot be read .*mend it, or remove it"):
        Bookmarks(tmp_path).add("a", "deepvis://a")
    with pytest.raises(SettingsError, match=r"recent\.json: must hold \[\] with links"):
        RecentModels(tmp_path).add("deepvis://a")
    assert (tmp_path / "bookmarks.json").read_text() == "{"


def test_recent_models_are_the_newest_first_each_once(tmp_path: Path) -> None:
    recent = RecentModels(tmp_path)
    for number in range(RECENT + 3):
        recent.add(f"deepvis://{number}?images=x")
    recent.add("deepvis://5?images=y")
    assert len(recent.all()) == RECENT
    assert recent.all()[:2] == ["deepvis://5?images=y", f"deepvis://{RECENT + 2}?images=x"]


def test_the_folder_of_the_user(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert user_folder() == tmp_path / "deepvis"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert user_folder() == Path.home() / ".config" / "deepvis"
