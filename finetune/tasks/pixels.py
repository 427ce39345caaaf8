"""From decoded images to the blob of a net: resized once when a task is read, cropped and mirrored for every batch."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from finetune.errors import ExperimentError
from prototxt.pixels.preprocess import Preprocessing

CORNERS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
"""Places of the four corner crops, as shares of the way that a crop can move down and right."""


def resized(rgb: np.ndarray, preprocessing: Preprocessing) -> np.ndarray:
    """Resize an image as a net's preprocessing says, and leave the rest of it to `blobs`.

    Where the shorter side gets a given length, the longer one is cut to the same, so that all images of a task have one
    size. The cut is placed such that the centre crop of the result is the centre crop of the whole image.

    Parameters
    ----------
    rgb : (H, W, 3) uint8.

    Returns
    -------
    (h, w, 3) uint8.
    """
    whole = replace(preprocessing, crop=(), mean_image=None).cut(rgb)
    if preprocessing.resize != "shorter side":
        return whole
    side = preprocessing.resize_to[0]
    crop = preprocessing.crop or (side, side)
    top, left = (
        (length - cropped) // 2 - (side - cropped) // 2 for length, cropped in zip(whole.shape[:2], crop, strict=True)
    )
    return whole[top : top + side, left : left + side]


def crop_size(images: np.ndarray, preprocessing: Preprocessing) -> tuple[int, int]:
    """Height and width of the crops that a net takes of images (N, H, W, 3).

    Raises
    ------
    ExperimentError : if the images are smaller.
    """
    height, width = images.shape[1:3]
    if not preprocessing.crop:
        return height, width
    crop = preprocessing.crop[0], preprocessing.crop[1]
    if height < crop[0] or width < crop[1]:
        raise ExperimentError(
            f"images of {height}x{width} pixels are smaller than the crop {crop[0]}x{crop[1]} that the net takes; give "
            "larger ones, or a preprocessing that resizes them"
        )
    return crop


def room(images: np.ndarray, preprocessing: Preprocessing) -> tuple[int, int]:
    """How many pixels a crop can move down and right in images (N, H, W, 3)."""
    crop = crop_size(images, preprocessing)
    return images.shape[1] - crop[0], images.shape[2] - crop[1]


def centre(images: np.ndarray, preprocessing: Preprocessing) -> tuple[int, int]:
    """Top and left of the centre crop; the odd pixel is left at the bottom and right, as in Caffe."""
    down, right = room(images, preprocessing)
    return down // 2, right // 2


def ten_crops(images: np.ndarray, preprocessing: Preprocessing) -> list[tuple[tuple[int, int], bool]]:
    """Four corners and the centre, each with its mirror image: top and left of a crop, and whether it is mirrored."""
    down, right = room(images, preprocessing)
    places = [(int(y * down), int(x * right)) for y, x in CORNERS]
    return [(place, mirror) for mirror in (False, True) for place in [*places, centre(images, preprocessing)]]


def blobs(
    images: np.ndarray,
    preprocessing: Preprocessing,
    offsets: np.ndarray | None = None,
    mirror: np.ndarray | None = None,
) -> np.ndarray:
    """Make the input of a net from a batch of images.

    Without offsets and mirrors it is what `Preprocessing.apply` makes, to the bit. A mean image is taken from where the
    crop lies in it, when it has the size of the images, as Caffe's data layers do.

    Parameters
    ----------
    images : (B, H, W, 3) uint8 RGB, from `resized`.
    preprocessing : of the net.
    offsets : (B, 2) top and left of every crop; None for the centre.
    mirror : (B,) whether an image is mirrored, left for right; None for none.

    Returns
    -------
    (B, C, h, w) float32, contiguous.
    """
    height, width = crop_size(images, preprocessing)
    if offsets is None:
        offsets = np.tile(centre(images, preprocessing), (len(images), 1))
    cropped = np.stack([image[y : y + height, x : x + width] for image, (y, x) in zip(images, offsets, strict=True)])
    planes = np.ascontiguousarray(_channels(cropped, preprocessing.channel_order).transpose(3, 0, 1, 2), np.float32)
    if preprocessing.mean_image is None:
        planes = preprocessing.normalise(planes).swapaxes(0, 1)
    else:
        planes = _less_mean_image(planes.swapaxes(0, 1), preprocessing, offsets, (images.shape[1], images.shape[2]))
    if mirror is not None and mirror.any():
        planes = np.where(mirror[:, None, None, None], planes[..., ::-1], planes)
    return np.ascontiguousarray(planes)


def _channels(rgb: np.ndarray, order: str) -> np.ndarray:
    """(B, h, w, 3) RGB → (B, h, w, C) in the order of a preprocessing."""
    if order == "GRAY":
        return np.stack([cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY) for image in rgb])[..., None]
    return rgb[..., ::-1] if order == "BGR" else rgb


def _less_mean_image(
    blob: np.ndarray, preprocessing: Preprocessing, offsets: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """`Preprocessing.normalise` of (B, C, h, w), each with its window of the mean image."""
    mean = preprocessing.mean_image
    assert mean is not None  # asked by the caller
    height, width = blob.shape[2:]
    result = []
    for image, (y, x) in zip(blob, offsets, strict=True):
        window = mean[:, y : y + height, x : x + width] if mean.shape[1:] == size else mean
        result.append(replace(preprocessing, mean_image=window).normalise(np.array(image)))
    return np.stack(result)
