"""One function changes a preprocessing. Settings, options and window only read their own text into its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike

from prototxt.pixels.field_types import CHANNELS, PreprocessingError, ResizeRule
from prototxt.pixels.preprocess import RESIZE_RULES, Preprocessing, per_channel


@dataclass(frozen=True, eq=False)
class OfPixels:
    """A mean or a standard deviation as it is computed from pixels 0-255 (from arrays: from their numbers as they are).

    Parameters
    ----------
    values : a number for each channel in the order of the input's channels, one number for all of them, or a mean
        image, (C, H, W).
    """

    values: ArrayLike


Numbers = float | Sequence[float] | OfPixels


class Changes(TypedDict, total=False):
    """What `change_preprocessing` is told, by people: it need not be right. What is not there stays as it is."""

    channel_order: str
    raw_scale: float
    mean: Numbers
    std: Numbers
    resize_to: Sequence[int]
    interpolation: str
    crop: Sequence[int]
    pair: str


def change_preprocessing(own: Preprocessing, **changes: Unpack[Changes]) -> Preprocessing:
    """Give a preprocessing with some of its fields changed; what the words mean, ``docs/inputs.md`` tells users.

    Parameters
    ----------
    own : what is changed.
    channel_order : where the input's channels become more or fewer by it, mean and standard deviation of ``own`` are
        left out, being of other channels; else their numbers stay in their places, as in Caffe's Transformer.
    raw_scale : a mean and a standard deviation of ``own`` stay the numbers that they are, which count after the scale.
    mean, std : in the units of the net's input, so *after* the raw scale: a number for each channel in the order of the
        input's channels, one number for all, or () for none; or `OfPixels`, which is multiplied by the raw scale.
    resize_to : (height, width) stretches, (n,) makes the shorter side n pixels long, () resizes nothing.
    interpolation, crop, pair : as in `Preprocessing`.

    Raises
    ------
    PreprocessingError : if the changes do not fit together or to the rest.
    """
    fields: dict[str, Any] = {**changes}
    order, scale = fields.get("channel_order", own.channel_order), fields.get("raw_scale", own.raw_scale)
    channels = CHANNELS.get(order, 0)
    if "mean" in changes:
        fields |= _mean(changes["mean"], scale, channels)
    if "std" in changes:
        fields["std"] = _numbers(changes["std"], scale, channels)
    if "resize_to" in changes:
        fields["resize"] = _resize_rule(changes["resize_to"])
    if channels != CHANNELS[own.channel_order]:
        fields = {"mean": (), "mean_image": None, "std": ()} | fields
    return replace(own, **fields)


def _mean(mean: Numbers, scale: float, channels: int) -> dict[str, Any]:
    if isinstance(mean, OfPixels) and np.ndim(mean.values) > 1:
        return {"mean": (), "mean_image": np.asarray(mean.values, np.float32) * np.float32(scale)}
    return {"mean": _numbers(mean, scale, channels), "mean_image": None}


def _numbers(values: Numbers, scale: float, channels: int) -> tuple[float, ...]:
    """Numbers after the raw scale."""
    if isinstance(values, OfPixels):
        numbers = np.ravel(values.values).astype(np.float64) * scale
    else:
        numbers = np.ravel(values).astype(np.float64)
    return per_channel(numbers.tolist(), channels)


def _resize_rule(resize_to: Sequence[int]) -> ResizeRule:
    if len(resize_to) >= len(RESIZE_RULES):
        raise PreprocessingError(
            "preprocessing: resize_to must be (height, width), (length of the shorter side,) or () for none; got"
            f" {list(resize_to)}"
        )
    return RESIZE_RULES[len(resize_to)]
