"""The only part that needs Qt, imported when a command asks for it."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from deepvis.errors import SettingsError


def views(module: str) -> ModuleType:
    """Import ``deepvis.views.module``; a `SettingsError` says what to do where Qt's system libraries are missing."""
    try:
        return import_module(f"deepvis.views.{module}")
    except ImportError as error:
        raise SettingsError(
            f"the window needs Qt and its system libraries ({error}); run tools/install_system_libraries"
        ) from error
