"""The fields of a preprocessing as they are shown and edited one by one; an edit gives another `Preprocessing`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from deepvis.model.feed import by
from deepvis.model.model import Model
from deepvis.pixels.change import change_model
from deepvis.pixels.mean_file import SUFFIXES, read_mean
from deepvis.pixels.text import crop, factor, numbers, resize_to
from prototxt.pixels.change import Changes, OfPixels
from prototxt.pixels.field_types import CHANNELS, Interpolation
from prototxt.pixels.preprocess import Preprocessing


@dataclass(frozen=True)
class PixelField:
    """One field.

    Parameters
    ----------
    title : its label.
    hint : what may be typed.
    show : the text of its value.
    read : what a text changes; an `InputError` says what is wrong with it.
    suggestions : texts to choose from; ``closed`` if nothing else is allowed.
    """

    title: str
    hint: str
    show: Callable[[Preprocessing], str]
    read: Callable[[str, Preprocessing], Changes]
    suggestions: tuple[str, ...] = ()
    closed: bool = False


def edited(model: Model, field: str, text: str, mean: str = "") -> Preprocessing:
    """Give the preprocessing of a model with one field changed.

    Parameters
    ----------
    field : name in `FIELDS`.
    text : as it was typed.
    mean : what stands in the field of the mean. A mean file is for pixels before the raw scale: where it names one, an
        edit of the raw scale takes the file along.

    Raises
    ------
    SettingsError, PreprocessingError, FormatError : if the text is no such value, or does not go with the other fields
        or the net's input.
    """
    own = model.preprocessing
    changes = FIELDS[field].read(text.strip(), own)
    if field == "raw_scale" and _names_file(mean):
        changes |= FIELDS["mean"].read(mean.strip(), own)
    return change_model(model, **changes).preprocessing


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


def _read_mean(text: str, preprocessing: Preprocessing) -> Changes:
    if text == _show_mean(preprocessing):
        return {}
    return {"mean": OfPixels(read_mean(Path(text).expanduser())) if _names_file(text) else numbers(text, "mean")}


def _names_file(text: str) -> bool:
    return Path(text.strip()).suffix in SUFFIXES


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
        " file with a mean for pixels before the raw scale, in the order of the input's channels",
        _show_mean,
        _read_mean,
    ),
    "std": PixelField(
        "Std",
        "after the raw scale, a number for each channel or one for all; or none",
        lambda preprocessing: _show_numbers(preprocessing.std),
        lambda text, _: {"std": numbers(text, "std")},
    ),
    "resize": PixelField(
        "Resize",
        "none, one number (length of the shorter side), or height, width",
        lambda preprocessing: ", ".join(map(str, preprocessing.resize_to)) or "none",
        lambda text, _: {"resize_to": resize_to(text, "resize")},
    ),
    "interpolation": PixelField(
        "Interpolation",
        "how pictures shrink: as Caffe's ImageData does, or nearest to the antialiased resize of PyTorch's training",
        lambda preprocessing: preprocessing.interpolation,
        lambda text, _: {"interpolation": text},
        get_args(Interpolation),
        closed=True,
    ),
    "crop": PixelField(
        "Crop",
        "height, width cut from the middle, or none",
        lambda preprocessing: ", ".join(map(str, preprocessing.crop)) or "none",
        lambda text, _: {"crop": crop(text, "crop")},
    ),
}
"""Every field by its name, in the order in which they work."""


def texts(preprocessing: Preprocessing) -> dict[str, str]:
    """Show every field."""
    return {name: field.show(preprocessing) for name, field in FIELDS.items()}
