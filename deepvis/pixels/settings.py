"""What the settings say of the preprocessing, as changes of the model's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepvis.pixels.mean_file import read_mean
from deepvis.settings.settings import Settings
from prototxt.pixels.preprocess import CHANNELS, Preprocessing


def preprocessing_changes(settings: Settings, own: Preprocessing) -> dict[str, Any]:
    """Fields of a `Preprocessing` that the settings name.

    Parameters
    ----------
    settings : ``mean``, ``std``, ``raw_scale``, ``channel_order``, ``pair`` and ``resize_to`` count where they are not
        None.
    own : the model's; its mean is left out where the number of channels changes and the settings name no other.

    Raises
    ------
    SettingsError, FormatError : if the file of the mean cannot be read.
    """
    changes: dict[str, Any] = {}
    order = settings.channel_order or own.channel_order
    if settings.channel_order is not None:
        changes["channel_order"] = order
        if CHANNELS[order] != CHANNELS[own.channel_order]:
            changes |= {"mean": (), "mean_image": None, "std": ()}
    if settings.pair is not None and settings.pair != own.pair:
        changes["pair"] = settings.pair
    if settings.raw_scale is not None:
        changes["raw_scale"] = settings.raw_scale
    if settings.mean is not None:
        changes |= _mean(settings.mean)
    if settings.std is not None:
        changes["std"] = settings.std if isinstance(settings.std, tuple) else (settings.std,) * CHANNELS[order]
    if settings.resize_to is not None:
        changes["resize_to"] = settings.resize_to
        changes["resize"] = "stretch" if len(settings.resize_to) == 2 else "shorter side"
    return changes


def _mean(mean: Path | tuple[float, ...]) -> dict[str, Any]:
    if isinstance(mean, tuple):
        return {"mean": mean, "mean_image": None}
    array = read_mean(mean)
    if array.ndim == 1:
        return {"mean": tuple(array.tolist()), "mean_image": None}
    return {"mean": (), "mean_image": array}
