"""Sizes and places of pictures that are resized and cropped from their centre."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from prototxt.pixels.field_types import Interpolation, PreprocessingError

Box = tuple[int, ...]


def shorter_side(size: Sequence[int], side: int) -> tuple[int, int]:
    """Give the (height, width) of a picture whose shorter side becomes ``side``, rounded down as torchvision does."""
    height, width = size
    return (side, side * width // height) if height <= width else (side * height // width, side)


def resize(pixels: np.ndarray, size: tuple[int, int], interpolation: Interpolation) -> np.ndarray:
    """Resize a picture, (H, W, 3) or (H, W), to (height, width); "area" is for pictures that shrink."""
    height, width = pixels.shape[:2]
    if size == (height, width):
        return pixels
    shrinks = size[0] <= height and size[1] <= width
    how = cv2.INTER_AREA if interpolation == "area" and shrinks else cv2.INTER_LINEAR
    return cv2.resize(pixels, size[::-1], interpolation=how)


def crop_centre(pixels: np.ndarray, crop: Sequence[int]) -> np.ndarray:
    """Cut (height, width) from the centre of a picture; a `PreprocessingError` if it is smaller."""
    height, width = pixels.shape[:2]
    if height < crop[0] or width < crop[1]:
        raise PreprocessingError(
            f"preprocessing: a picture of {height}x{width} (height x width after resizing) is smaller than the crop"
            f" {crop[0]}x{crop[1]}; choose larger pictures or a resize rule"
        )
    top, left = (height - crop[0]) // 2, (width - crop[1]) // 2
    return pixels[top : top + crop[0], left : left + crop[1]]


def box_before(box: Sequence[int], size: Sequence[int], resized: Sequence[int], crop: Sequence[int]) -> Box:
    """Map a region of a resized and cropped picture to the pixels of the picture before.

    Parameters
    ----------
    box : half-open (y0, x0, y1, x1); parts outside are allowed.
    size, resized : (height, width) before and after resizing.
    crop : (height, width) cut from the centre after it; () for none.

    Returns
    -------
    half-open (y0, x0, y1, x1): the smallest box of whole pixels that covers the region, clipped to the picture.
    """
    low, high = [], []
    for axis in (0, 1):
        offset = (resized[axis] - crop[axis]) // 2 if crop else 0
        start, end = box[axis] + offset, box[axis + 2] + offset
        length = size[axis]
        low.append(min(max(start * length // resized[axis], 0), length))
        high.append(min(max(-(-end * length // resized[axis]), low[axis]), length))
    return low[0], low[1], high[0], high[1]
