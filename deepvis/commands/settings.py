"""``deepvis settings``: what is in force, as a settings file."""

from __future__ import annotations

from deepvis.commands.option_types import Place
from deepvis.settings.settings import read_settings, to_python


def settings_command(*, settings: Place = None) -> None:
    """Print the settings that are in force; what is printed is a settings file.

    Parameters
    ----------
    settings
        settings file; settings_local.py of this folder if there is one, else the defaults.
    """
    print(to_python(read_settings(settings)), end="")
