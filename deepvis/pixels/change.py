"""A model whose preprocessing is changed: by settings, options or the window, all in the same way."""

from __future__ import annotations

from typing import Unpack

from deepvis.errors import SettingsError
from deepvis.model.feed import by
from deepvis.model.model import Model
from prototxt.pixels.change import Changes, change_preprocessing
from prototxt.pixels.preprocess import Preprocessing


def change_model(model: Model, **changes: Unpack[Changes]) -> Model:
    """Give a model with another preprocessing; it stays as it is, a guess too, where nothing is changed.

    Parameters
    ----------
    changes : of `prototxt.pixels.change.change_preprocessing`.

    Raises
    ------
    SettingsError, PreprocessingError : if the changes do not go with the other fields or with the net's input.
    """
    changed = change_preprocessing(model.preprocessing, **changes)
    if changed == model.preprocessing:
        return model
    check_input(model, changed)
    return model.prepared_by(changed)


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
