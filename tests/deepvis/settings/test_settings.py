"""Settings files: strict names, types and ranges; what is printed can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepvis.errors import SettingsError
from deepvis.settings.settings import Settings, override, read_settings, to_python

REPOSITORY = Path(__file__).resolve().parents[3]


def write(folder: Path, text: str) -> Path:
    file = folder / "settings_local.py"
    file.write_text(text)
    return file


def test_no_file_means_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_settings() == Settings()


def test_the_file_of_the_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "unit = 7\n")
    assert read_settings().unit == 7


def test_plain_python(tmp_path: Path) -> None:
    text = """
import math
from pathlib import Path as _Path

_folder = _Path("data")
model = "nets/alexnet.prototxt"
images = _folder / "pictures"
scan = "/elsewhere/scan.h5"
plan = None
top = int(math.sqrt(16))
window_size = (1280, 720)
scale = "frame"
"""
    settings = read_settings(write(tmp_path, text))
    assert settings.model == tmp_path / "nets/alexnet.prototxt"
    assert settings.images == tmp_path / "data/pictures"
    assert settings.scan == Path("/elsewhere/scan.h5")
    assert settings.cache == Settings().cache
    assert (settings.plan, settings.top, settings.window_size, settings.scale) == (None, 4, (1280, 720), "frame")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("unti = 3", r"settings_local\.py: unknown setting 'unti'; did you mean 'unit'\?"),
        ("xyzzy = 3", r"unknown setting 'xyzzy'; allowed are model, weights"),
        ("unit = -1", r"unit = -1 is not allowed \(Input should be greater than or equal to 0\)"),
        ("unit = '3'", r"unit = '3' is not allowed \(Input should be a valid integer\)"),
        ("top = 0", r"top = 0 is not allowed"),
        ("scale = 'bright'", r"scale = 'bright' is not allowed \(Input should be 'layer', 'frame' or 'unit'\)"),
        ("device = 'gpu'", r"device = 'gpu' is not allowed .*; device is: auto, cpu, mps, cuda, cuda:N"),
        ("window_size = (100, 100)", r"window_size = 100 is not allowed .*greater than or equal to 640"),
        ("model = 3", r"model = 3 is not allowed"),
        ("unit = = 3", r"settings_local\.py:1: is not valid Python"),
        ("unit = 1 / 0", r"settings_local\.py: stops with ZeroDivisionError"),
        ("raise SystemExit", r"settings_local\.py: stops with SystemExit"),
    ],
)
def test_what_is_not_allowed_is_said_in_a_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=sentence):
        read_settings(write(tmp_path, text + "\n"))


def test_a_settings_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such settings file"):
        read_settings(tmp_path / "other.py")


def test_what_is_printed_gives_the_same_settings(tmp_path: Path) -> None:
    settings = override(Settings(), unit=5, images=tmp_path / "x", window_size=(800, 600), layer="conv'1")
    assert read_settings(write(tmp_path, to_python(settings))) == settings


def test_override_takes_what_is_given_and_checks_it() -> None:
    assert override(Settings(), unit=3, layer=None) == Settings(unit=3)
    with pytest.raises(SettingsError, match="batch = 0 is not allowed"):
        override(Settings(), batch=0)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().unit = 3


@pytest.mark.parametrize("file", ["settings_local.py", "docs/settings.md"])
def test_every_setting_is_documented(file: str) -> None:
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    missing = [name for name in Settings.model_fields if f"{name} = " not in text and f"`{name}`" not in text]
    assert missing == []


def test_the_settings_file_of_the_repository_gives_the_defaults() -> None:
    assert read_settings(REPOSITORY / "settings_local.py") == Settings()


def test_presets_are_tables_of_settings_with_paths_beside_the_file(tmp_path: Path) -> None:
    text = (
        "presets = {'a': 'models/a', 'b': {'model': '/b.prototxt', 'mean': [1.0, 2.0], 'images': 'photos', 'unit': 3}}"
    )
    settings = read_settings(write(tmp_path, text))
    assert settings.presets == {
        "a": {"model": tmp_path / "models/a"},
        "b": {"model": Path("/b.prototxt"), "mean": (1.0, 2.0), "images": tmp_path / "photos", "unit": 3},
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("presets = ['a']", "presets must be a table of models by name"),
        ("presets = {'a': 3}", "preset 'a' must be a path, or a table of settings with model"),
        ("presets = {'a': {'unit': 3}}", "preset 'a' must be a path, or a table of settings with model"),
        ("presets = {'a': {'model': 'x', 'unti': 3}}", "preset 'a': unknown setting 'unti'; did you mean 'unit'"),
        ("presets = {'a': {'model': 'x', 'unit': -3}}", "preset 'a': unit = -3 is not allowed"),
    ],
)
def test_broken_presets_are_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        read_settings(write(tmp_path, text))
