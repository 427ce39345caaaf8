"""What a `prototxt.pixels.preprocess.Preprocessing` may say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from prototxt.common.errors import InputError

if TYPE_CHECKING:
    from prototxt.pixels.preprocess import Preprocessing

# Channels of a picture's blob; 0 for those of an array, which has as many as it has.
CHANNELS = {"RGB": 3, "BGR": 3, "GRAY": 1, "STORED": 0}
PAIRS = ("none", "channels", "width", "inputs")
RESIZE_RULES = ("none", "shorter side", "stretch")
INTERPOLATIONS = ("bilinear", "area")


class PreprocessingError(InputError):
    """A preprocessing is contradictory, or does not fit the picture."""


def check(self: Preprocessing) -> None:
    """Raise a `PreprocessingError` that names what does not fit together."""
    allowed: dict[str, Sequence[str]] = {
        "channel_order": tuple(CHANNELS),
        "resize": RESIZE_RULES,
        "interpolation": INTERPOLATIONS,
        "pair": PAIRS,
    }
    for name, choices in allowed.items():
        if getattr(self, name) not in choices:
            raise PreprocessingError(f"preprocessing: {name} must be one of {choices}; got {getattr(self, name)!r}")
    for name in ("mean", "std"):
        if not _fits(len(getattr(self, name)), self):
            raise PreprocessingError(
                f"preprocessing: {name} must have {self.channels} numbers for {self.channel_order} (or none);"
                f" got {list(getattr(self, name))}"
            )
    if not np.isfinite((self.raw_scale, *self.mean, *self.std)).all():
        raise PreprocessingError("preprocessing: raw_scale, mean and std must be finite numbers")
    if self.raw_scale <= 0 or any(x <= 0 for x in self.std):
        raise PreprocessingError(
            f"preprocessing: raw_scale and std must be above 0; got {self.raw_scale} and {list(self.std)}"
        )
    _check_sizes(self)
    image = self.mean_image
    if image is not None and (self.mean or image.ndim != 3 or not len(image) or not _fits(len(image), self)):
        raise PreprocessingError(
            f"preprocessing: mean_image must be ({self.channels}, height, width) and stand without mean; got shape"
            f" {image.shape} and mean {list(self.mean)}"
        )


def _fits(count: int, self: Preprocessing) -> bool:
    """Whether there may be so many numbers: none, one for each channel, or one for each channel of one of a pair."""
    return count in (0, self.channels, CHANNELS[self.channel_order]) or self.channel_order == "STORED"


def _check_sizes(self: Preprocessing) -> None:
    numbers = {"none": 0, "shorter side": 1, "stretch": 2}[self.resize]
    if len(self.resize_to) != numbers or any(x <= 0 for x in self.resize_to):
        raise PreprocessingError(
            f"preprocessing: resize {self.resize!r} takes {numbers} numbers above 0 in resize_to; got"
            f" {list(self.resize_to)}"
        )
    if len(self.crop) not in (0, 2) or any(x <= 0 for x in self.crop):
        raise PreprocessingError(f"preprocessing: crop must be (height, width) or empty; got {list(self.crop)}")
    if self.crop and self.resize != "none":
        smallest = self.resize_to * 2 if self.resize == "shorter side" else self.resize_to
        if smallest[0] < self.crop[0] or smallest[1] < self.crop[1]:
            raise PreprocessingError(
                f"preprocessing: crop {list(self.crop)} does not fit pictures resized ({self.resize}) to"
                f" {list(self.resize_to)}; take a smaller crop or a larger size"
            )


def image_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """Channels, height and width of a net's input for pictures; a `PreprocessingError` if it is none."""
    if len(shape) != 4 or shape[1] not in (1, 3):
        raise PreprocessingError(f"preprocessing: the input must be (batch, 3 or 1, height, width); got {tuple(shape)}")
    return int(shape[1]), int(shape[2]), int(shape[3])
