"""The fields of a preprocessing as they are shown and edited one by one; an edit gives another `Preprocessing`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from deepvis.errors import SettingsError
from deepvis.model.feed import by
from deepvis.model.model import Model
from deepvis.pixels.mean_file import read_mean
from deepvis.pixels.text import crop_rule, factor, numbers, resize_rule
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.preprocess_rules import CHANNELS, INTERPOLATIONS

Changes = Mapping[str, Any]


@dataclass(frozen=True)
class PixelField:
    """One field.

    Parameters
    ----------
    title : its label.
    hint : what may be typed.
    show : the text of its value.
    read : the fields of `Preprocessing` that a text changes; an `InputError` says what is wrong with it.
    suggestions : texts to choose from; ``closed`` if nothing else is allowed.
    """

    title: str
    hint: str
    show: Callable[[Preprocessing], str]
    read: Callable[[str, Preprocessing], Changes]
    suggestions: tuple[str, ...] = ()
    closed: bool = False


def edited(model: Model, field: str, text: str) -> Preprocessing:
    """Give the preprocessing of a model with one field changed.

    Parameters
    ----------
    field : name in `FIELDS`.
    text : as it was typed.

    Raises
    ------
    SettingsError, PreprocessingError, FormatError : if the text is no such value, or does not go with the other fields
        or the net's input.
    """
    own = model.preprocessing
    changes = dict(FIELDS[field].read(text.strip(), own))
    if CHANNELS[changes.get("channel_order", own.channel_order)] != CHANNELS[own.channel_order]:
        changes |= {"mean": (), "mean_image": None, "std": ()}  # they are of other channels
    changed = replace(own, **changes)
    check_input(model, changed)
    return changed


def check_input(model: Model, preprocessing: Preprocessing) -> None:
    """Raise a `SettingsError` if no picture can become the net's input in this way."""
    shape = model.input_shape
    if len(shape) != 3 or preprocessing.channel_order == "STORED" or model.feed.steps:
        return
    if preprocessing.channels != shape[0]:
        raise SettingsError(
            f"channel order {preprocessing.channel_order} makes {preprocessing.channels} channels, the net takes"
            f" {shape[0]}"
        )
    height, width = shape[1], shape[2] // 2 if preprocessing.pair == "width" else shape[2]
    size = preprocessing.crop or (preprocessing.resize_to if preprocessing.resize == "stretch" else ())
    if size and size != (height, width):
        raise SettingsError(f"pictures become {by(size)}, the net takes {by((height, width))} (height x width)")
    image = preprocessing.mean_image
    if image is not None and (image.shape[1] < height or image.shape[2] < width):
        raise SettingsError(f"the mean image is {by(image.shape[1:])}, smaller than the input {by((height, width))}")


def orders_of(model: Model) -> tuple[str, ...]:
    """The channel orders that the net's input allows."""
    shape, pair = model.input_shape, model.preprocessing.pair
    takes = shape[-3] if len(shape) == 3 else shape[1] if model.feed.steps and len(shape) == 4 else shape[0]
    each = takes // 2 if pair == "channels" else takes
    return tuple(order for order, channels in CHANNELS.items() if channels in (0, each))


def _show_numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.7g}" for value in values) or "none"


def _show_mean(preprocessing: Preprocessing) -> str:
    image = preprocessing.mean_image
    return _show_numbers(preprocessing.mean) if image is None else f"image {by(image.shape)}"


def _show_scale(preprocessing: Preprocessing) -> str:
    scale = preprocessing.raw_scale
    below = round(1 / scale, 6) if scale < 1 else 0.0
    return f"1/{below:g}" if below and 1 / below == scale else repr(scale).removesuffix(".0")


def _per_channel(text: str, preprocessing: Preprocessing, where: str) -> tuple[float, ...]:
    """Numbers; one stands for all channels."""
    values = () if text in ("", "none") else numbers(text, where)
    return values * max(CHANNELS[preprocessing.channel_order], 1) if len(values) == 1 else values


def _read_mean(text: str, preprocessing: Preprocessing) -> Changes:
    if text == _show_mean(preprocessing):
        return {}
    file = Path(text).expanduser()
    if file.suffix not in (".npy", ".binaryproto"):
        return {"mean": _per_channel(text, preprocessing, "mean"), "mean_image": None}
    mean = read_mean(file) * np.float32(preprocessing.raw_scale)
    return {"mean": tuple(mean.tolist()), "mean_image": None} if mean.ndim == 1 else {"mean": (), "mean_image": mean}


FIELDS: dict[str, PixelField] = {
    "channel_order": PixelField(
        "Channel order",
        "order of the input's channels",
        lambda preprocessing: preprocessing.channel_order,
        lambda text, _: {"channel_order": text},
        closed=True,
    ),
    "raw_scale": PixelField(
        "Raw scale",
        "factor on the pixels 0-255, such as 1 or 1/255",
        _show_scale,
        lambda text, _: {"raw_scale": factor(text, "raw scale")},
        ("1", "1/255", "1/256", "1/127.5"),
    ),
    "mean": PixelField(
        "Mean",
        "after the raw scale, a number for each channel or one for all; or none; or the name of a .binaryproto or .npy"
        " file with a mean image for pixels 0-255 in the order of the input's channels",
        _show_mean,
        _read_mean,
    ),
    "std": PixelField(
        "Std",
        "after the raw scale, a number for each channel or one for all; or none",
        lambda preprocessing: _show_numbers(preprocessing.std),
        lambda text, own: {"std": _per_channel(text, own, "std")},
    ),
    "resize": PixelField(
        "Resize",
        "none, one number (length of the shorter side), or height, width",
        lambda preprocessing: ", ".join(map(str, preprocessing.resize_to)) or "none",
        lambda text, _: resize_rule(text, "resize"),
    ),
    "interpolation": PixelField(
        "Interpolation",
        "how pictures shrink: as Caffe's ImageData does, or nearest to the antialiased resize of PyTorch's training",
        lambda preprocessing: preprocessing.interpolation,
        lambda text, _: {"interpolation": text},
        INTERPOLATIONS,
        closed=True,
    ),
    "crop": PixelField(
        "Crop",
        "height, width cut from the middle, or none",
        lambda preprocessing: ", ".join(map(str, preprocessing.crop)) or "none",
        lambda text, _: crop_rule(text, "crop"),
    ),
}
"""Every field by its name, in the order in which they work."""
