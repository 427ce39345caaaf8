"""The part of a photograph that a unit saw, cut from the photograph's own pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prototxt.preprocess import Box, Preprocessing

GREY = 128


def visible_box(box: Sequence[int], picture_size: Sequence[int], preprocessing: Preprocessing) -> Box:
    """Map a region of the input blob to the picture, without what lies outside of the blob (zeros to the net).

    Parameters
    ----------
    box : half-open (y0, x0, y1, x1) in the input blob.
    picture_size : (height, width).

    Returns
    -------
    Half-open (y0, x0, y1, x1) in the picture.
    """
    return preprocessing.box_in_picture(_inside(box, preprocessing.input_size(picture_size)), picture_size)


def cut_patch(
    picture: np.ndarray, box: Sequence[int], preprocessing: Preprocessing, constant_size: bool = False
) -> np.ndarray:
    """Cut the pixels of a region of the input blob out of the original picture.

    Parameters
    ----------
    picture : (H, W, 3) uint8.
    box : half-open (y0, x0, y1, x1) in the input blob; may reach beyond it.
    constant_size : whether the patch has the size that the whole region would have (at most that of the net's input),
        grey (128) where the region lies outside of the input; else it has the pixels only.

    Returns
    -------
    (h, w, 3) uint8, a copy.
    """
    size = (picture.shape[0], picture.shape[1])
    y0, x0, y1, x1 = visible_box(box, size, preprocessing)
    pixels = picture[y0:y1, x0:x1].copy()
    if not constant_size:
        return pixels
    (top, height), (left, width) = (_frame(box, size, preprocessing, axis) for axis in (0, 1))
    canvas = np.full((height, width, 3), GREY, np.uint8)
    canvas[y0 - top : y1 - top, x0 - left : x1 - left] = pixels
    return canvas


def _inside(box: Sequence[int], blob_size: Sequence[int]) -> list[int]:
    return [min(max(value, 0), blob_size[place % 2]) for place, value in enumerate(box)]


def _frame(box: Sequence[int], size: Sequence[int], preprocessing: Preprocessing, axis: int) -> tuple[int, int]:
    """First pixel and length along an axis of the region, without cutting it off at the picture.

    The length is that of the longest box of whole pixels that a region of this size can need. A region at least as
    large as the input is framed by the input.
    """
    blob, resized = preprocessing.input_size(size)[axis], preprocessing.resized_size(size)[axis]
    offset = (resized - blob) // 2
    start, extent = box[axis], box[axis + 2] - box[axis]
    if extent >= blob:
        start, extent = 0, blob
    first = (start + offset) * size[axis] // resized
    spare = 0 if size[axis] % resized == 0 else 1
    return first, -(-extent * size[axis] // resized) + spare
