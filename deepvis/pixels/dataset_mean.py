"""Mean and standard deviation of the pixels of a data set: exact, and the same in any order of its pictures."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from math import sqrt

import cv2
import numpy as np

from deepvis.errors import ImageError
from deepvis.pixels.summing import only_geometry, summing
from deepvis.sources import ImageSource
from prototxt.common.progress import Progress
from prototxt.pixels.field_types import PreprocessingError
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.samples import Clip, Pair, Planes, Sample

# Rows of the sums that make up the channels of an input, by its channel order.
CHANNEL_ORDERS = {"RGB": (0, 1, 2), "BGR": (2, 1, 0), "GRAY": (3,)}


@dataclass
class PixelSums:
    """Integer sums over pixels 0-255 of four channels: red, green, blue, and grey as OpenCV makes it.

    Parameters
    ----------
    images, pixels : how many pictures (of a pair, or of a clip, all) and pixels went in.
    sums, squares : (4,) Python integers, of the values and of their squares.
    image : (4, H, W) int64 sum of all pictures at every place; None if it was not asked for.
    errors : of the pictures that could not be used.
    place_by_place : whether ``image`` is asked for.
    """

    images: int = 0
    pixels: int = 0
    sums: list[int] = field(default_factory=lambda: [0] * 4)
    squares: list[int] = field(default_factory=lambda: [0] * 4)
    image: np.ndarray | None = None
    errors: list[ImageError] = field(default_factory=list)
    place_by_place: bool = False

    def add(self, pictures: Sequence[np.ndarray]) -> None:
        """Add the pictures of an image, (4, H, W) uint8; an `ImageError` if a size differs and places are summed."""
        for picture in pictures:
            self._add(picture)

    def _add(self, picture: np.ndarray) -> None:
        if self.image is not None and picture.shape != self.image.shape:
            raise ImageError(
                f"pictures of {_size(picture)} and {_size(self.image)} have no mean image; give --resize HEIGHT,WIDTH"
            )
        wide = picture.astype(np.int64)
        if self.place_by_place:
            self.image = wide if self.image is None else self.image + wide
        self.images += 1
        self.pixels += picture[0].size
        for channel in range(4):
            self.sums[channel] += int(wide[channel].sum())
            self.squares[channel] += int((wide[channel] * wide[channel]).sum())

    def mean(self, channel_order: str) -> list[float]:
        """Mean per channel, for pixels 0-255, in an order of `CHANNEL_ORDERS`."""
        return [float(Fraction(self.sums[channel], self.pixels)) for channel in CHANNEL_ORDERS[channel_order]]

    def std(self, channel_order: str) -> list[float]:
        """Standard deviation (of the population of all pixels) per channel, for pixels 0-255."""
        return [sqrt(self._variance(channel)) for channel in CHANNEL_ORDERS[channel_order]]

    def mean_image(self, channel_order: str) -> np.ndarray:
        """(C, H, W) float32 mean of the pictures at every place, 0-255; only where it was asked for."""
        if self.image is None:
            raise ValueError("the mean image was not asked for")
        return (self.image[list(CHANNEL_ORDERS[channel_order])] / self.images).astype(np.float32)

    def _variance(self, channel: int) -> Fraction:
        mean = Fraction(self.sums[channel], self.pixels)
        return Fraction(self.squares[channel], self.pixels) - mean * mean


def dataset_mean(
    images: ImageSource,
    geometry: Preprocessing,
    *,
    mean_image: bool = False,
    workers: int | None = None,
    strict: bool = False,
) -> Generator[Progress, None, PixelSums]:
    """Sum up the pixels of all pictures.

    Parameters
    ----------
    images : at least one; those that cannot be used are left out.
    geometry : its resize rule and crop say which pixels count; what it says of channels and numbers does not matter.
    mean_image : whether the mean at every place is wanted too; then all pictures must come out equally large.
    workers, strict : as in `deepvis.pixels.summing.summing`, as what is yielded and raised.

    Raises
    ------
    ImageError : also for pictures of several sizes, where ``mean_image`` is wanted.
    """
    to_channels = partial(_four_channels, only_geometry(geometry, "RGB"))
    return summing(PixelSums(place_by_place=mean_image), images, to_channels, workers, strict)


def _four_channels(cut: Preprocessing, sample: Sample) -> list[np.ndarray]:
    """Resize and crop a picture, both of a pair, every frame of a clip: (4, h, w) uint8 red, green, blue, grey each."""
    if isinstance(sample, Pair):
        return [*_four_channels(cut, sample.first), *_four_channels(cut, sample.second)]
    if isinstance(sample, Clip):
        return [_of_picture(cut, frame) for frame in sample.frames]
    if isinstance(sample, Planes):
        raise PreprocessingError("is an array among pictures")
    return [_of_picture(cut, sample)]


def _of_picture(cut: Preprocessing, rgb: np.ndarray) -> np.ndarray:
    pixels = np.ascontiguousarray(cut.apply(rgb).astype(np.uint8).transpose(1, 2, 0))
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.stack([*np.moveaxis(pixels, 2, 0), grey])


def _size(picture: np.ndarray) -> str:
    return f"{picture.shape[1]} x {picture.shape[2]}"
