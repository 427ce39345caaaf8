"""The loop that sums up images, for the means of pictures and of arrays."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Protocol, TypeVar

from deepvis.errors import ImageError
from deepvis.sources import ImageSource
from deepvis.sources.loader import batches
from prototxt.common.progress import Progress
from prototxt.pixels.field_types import ChannelOrder
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.samples import Sample

BATCH = 32


class Sums(Protocol):
    """Sums of images: how many went in, and what was wrong with the others."""

    images: int
    errors: list[ImageError]

    def add(self, blob: Any) -> None:
        """Add an image; an `ImageError` if it does not go with those before."""


S = TypeVar("S", bound=Sums)


def only_geometry(preprocessing: Preprocessing, channel_order: ChannelOrder) -> Preprocessing:
    """Give the resize rule and the crop of a preprocessing, for pixels that stay as they are."""
    return Preprocessing(
        channel_order,
        resize=preprocessing.resize,
        resize_to=preprocessing.resize_to,
        interpolation=preprocessing.interpolation,
        crop=preprocessing.crop,
    )


def summing(
    sums: S, images: ImageSource, to_blob: Callable[[Sample], Any], workers: int | None, strict: bool
) -> Generator[Progress, None, S]:
    """Add every image that can be used; what is wrong with the others goes into the errors of the sums.

    Parameters
    ----------
    sums : what is added to.
    images : at least one.
    to_blob : what is made of an image on the decoding threads.
    workers : decoding threads, see `deepvis.sources.loader.batches`.
    strict : raise on the first image that cannot be used.

    Yields
    ------
    Progress in images.

    Returns
    -------
    The sums.

    Raises
    ------
    ImageError : if no image can be used, or as ``strict`` and the sums say.
    """
    yield Progress(0, len(images), "mean")
    for loaded in batches(images, to_blob, BATCH, workers):
        for item in loaded:
            if item.blob is not None:
                sums.add(item.blob)
            elif item.error is not None:
                if strict:
                    raise item.error
                sums.errors.append(item.error)
        yield Progress(loaded[-1].index + 1, len(images), "mean")
    if not sums.images:
        raise ImageError(f"none of the {len(images)} images could be used; the first: {sums.errors[0]}")
    return sums
