"""What the settings say of the preprocessing, as changes of the model's own."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from deepvis.pixels.mean_file import read_mean
from deepvis.settings.settings import Settings
from prototxt.pixels.change import Changes, OfPixels

_SAME = ("std", "raw_scale", "channel_order", "pair", "resize_to")  # what has one name and one meaning in both


def settings_changes(settings: Settings) -> Changes:
    """Give what the settings change: those of them that are not None.

    Raises
    ------
    SettingsError, FormatError : if the file of the mean cannot be read.
    """
    changes = cast(Changes, {name: value for name in _SAME if (value := getattr(settings, name)) is not None})
    if settings.mean is not None:
        changes["mean"] = OfPixels(read_mean(settings.mean)) if isinstance(settings.mean, Path) else settings.mean
    return changes
