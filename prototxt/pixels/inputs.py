"""From whatever a data set gives for one image (`prototxt.pixels.samples`) to the input blob of a net."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import singledispatch

import numpy as np

from prototxt.pixels.field_types import PreprocessingError
from prototxt.pixels.preprocess import Preprocessing
from prototxt.pixels.samples import Clip, Pair, Planes, Sample

# How the blobs of a pair become one, by `Preprocessing.pair`.
JOINS: dict[str, Callable[[list[np.ndarray]], np.ndarray]] = {
    "channels": lambda blobs: np.concatenate(blobs, axis=0),
    "width": lambda blobs: np.concatenate(blobs, axis=-1),
    "inputs": np.stack,
}


def input_blob(sample: Sample, preprocessing: Preprocessing) -> np.ndarray:
    """Make the input blob of one image.

    Parameters
    ----------
    sample : a picture is prepared by `Preprocessing.apply`; the frames of a clip are so one by one; of arrays the
        channels stay as they are, ``resize`` and ``crop`` work on their last two axes, and the numbers are scaled as
        pixels are; of a pair each is prepared by itself.

    Returns
    -------
    float32: (C, h, w) of a picture, (T, C, h, w) of a clip, the axes of the array; of a pair (2 C, h, w), (C, h, 2 w)
    or, for two inputs, (2, C, h, w).

    Raises
    ------
    PreprocessingError : if the sample is not what the preprocessing is for, or does not fit its sizes.
    """
    return _blob(sample, preprocessing)


@singledispatch
def _blob(sample: Sample, preprocessing: Preprocessing) -> np.ndarray:
    assert isinstance(sample, np.ndarray)
    return preprocessing.apply(sample)


@_blob.register
def _(sample: Clip, preprocessing: Preprocessing) -> np.ndarray:
    return np.stack([preprocessing.apply(frame) for frame in sample.frames])


@_blob.register
def _(sample: Planes, preprocessing: Preprocessing) -> np.ndarray:
    values, channels = sample.values, preprocessing.channels
    if preprocessing.pair != "none":
        raise PreprocessingError("the net takes pairs; give a list with two paths on every line")
    numbers = len(preprocessing.mean) or len(preprocessing.std) or channels
    if numbers > 1 and len(values) != numbers:
        raise PreprocessingError(
            f"is an array of shape {values.shape}, but the preprocessing is for {numbers} channels; change its mean,"
            " std or channel order"
        )
    return preprocessing.normalise(np.array(_cut(values, preprocessing), np.float32, order="C"))


@_blob.register
def _(sample: Pair, preprocessing: Preprocessing) -> np.ndarray:
    if preprocessing.pair == "none":
        raise PreprocessingError(
            "is a pair, but the preprocessing does not say how pairs enter the net: by channels, width or inputs"
        )
    blobs = [_blob(one, preprocessing.member(place)) for place, one in enumerate((sample.first, sample.second))]
    try:
        return JOINS[preprocessing.pair](blobs)
    except ValueError:
        raise PreprocessingError(
            f"the two of the pair become {blobs[0].shape} and {blobs[1].shape}, which do not fit together; resize or"
            " crop them"
        ) from None


def _cut(values: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Resize and crop the last two axes."""
    if preprocessing.resize == "none" and not preprocessing.crop:
        return values
    if values.ndim < 3:
        raise PreprocessingError(
            f"is an array of shape {values.shape}, which has no height and width; choose resize none and crop none"
        )
    wide = values if values.dtype == np.uint8 else values.astype(np.float32)
    planes = [preprocessing.cut(plane) for plane in wide.reshape(-1, *wide.shape[-2:])]
    return np.stack(planes).reshape(*wide.shape[:-2], *planes[0].shape)


def member_boxes(
    box: Sequence[int], preprocessing: Preprocessing, sizes: Sequence[Sequence[int]]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Map a region of the blob of a pair to those of the blobs of the two.

    Parameters
    ----------
    box : half-open, all starts, then all ends; width last.
    sizes : (height, width) of the two pictures.

    Returns
    -------
    Two such boxes; beyond the blob where the region is in the other of two that stand side by side.
    """
    first = tuple(box)
    if preprocessing.pair != "width":
        return first, first
    width, axes = preprocessing.input_size(sizes[0])[1], len(first) // 2
    return first, tuple(end - width if place % axes == axes - 1 else end for place, end in enumerate(first))
