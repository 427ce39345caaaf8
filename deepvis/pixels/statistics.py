"""Mean and standard deviation of images as fields of a preprocessing."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from deepvis.errors import ImageError
from deepvis.pixels.array_mean import array_mean
from deepvis.pixels.dataset_mean import dataset_mean
from deepvis.sources import ImageSource
from prototxt.common.progress import Progress
from prototxt.pixels.change import OfPixels, change_preprocessing
from prototxt.pixels.preprocess import Preprocessing


@dataclass(frozen=True)
class Measured:
    """A preprocessing with the mean and standard deviation of images.

    Parameters
    ----------
    preprocessing : with them.
    images : how many pictures or arrays went in.
    errors : of the images that could not be used.
    """

    preprocessing: Preprocessing
    images: int
    errors: tuple[ImageError, ...]


def measured(
    preprocessing: Preprocessing, images: ImageSource, workers: int | None = None
) -> Generator[Progress, None, Measured]:
    """Fill mean and standard deviation in, in the channel order and scale that the preprocessing has.

    Parameters
    ----------
    preprocessing : its resize rule and crop say which pixels count.
    images, workers : as in `deepvis.pixels.dataset_mean.dataset_mean`, whose errors these are.

    Raises
    ------
    ImageError : also if all values of a channel are equal, which have no deviation to divide by.
    """
    if preprocessing.channel_order == "STORED":
        arrays = yield from array_mean(images, preprocessing, workers=workers)
        mean, std = arrays.mean_and_std()
        count, errors = arrays.images, arrays.errors
    else:
        sums = yield from dataset_mean(images, preprocessing, workers=workers)
        mean, std = sums.mean(preprocessing.channel_order), sums.std(preprocessing.channel_order)
        count, errors = sums.images, sums.errors
    if min(std) == 0:
        raise ImageError(f"{images.root}: all values of a channel are equal; the images have no standard deviation")
    filled = change_preprocessing(preprocessing, mean=OfPixels(mean), std=OfPixels(std))
    return Measured(filled, count, tuple(errors))
