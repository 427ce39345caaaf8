"""Pictures as ``caffe.io`` reads, resizes and crops them: float32 arrays (H, W, K), RGB from 0 to 1.

Through scikit-image and SciPy, as pycaffe does, so that the numbers are pycaffe's: to 1e-6 those of scikit-image 0.18
(its ``resize`` of today interpolates otherwise near the border and with splines of a higher order).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import skimage.io
from scipy import ndimage
from skimage import transform, util

Size = Sequence[int] | np.ndarray


def load_image(filename: str | Path, color: bool = True, as_grey: bool | None = None) -> np.ndarray:
    """Read a picture.

    Parameters
    ----------
    filename : whatever scikit-image reads; for colours an alpha channel is dropped.
    color : False for intensity.
    as_grey : the opposite, as scikit-image called it when pycaffe was written; goes first where it is given.

    Returns
    -------
    (H, W, 3), RGB, or (H, W, 1); float32 between 0 and 1.

    Raises
    ------
    OSError : it is missing or no picture.
    """
    color = color if as_grey is None else not as_grey
    picture = skimage.io.imread(filename, as_gray=not color)
    image: np.ndarray = util.img_as_float(picture).astype(np.float32)
    if image.ndim == 2:
        image = image[:, :, np.newaxis]
        return np.tile(image, (1, 1, 3)) if color else image
    return image[:, :, :3] if image.shape[2] == 4 else image


def resize_image(im: np.ndarray, new_dims: Size, interp_order: int = 1) -> np.ndarray:
    """Resize a picture.

    Parameters
    ----------
    im : (H, W, K). With one or three channels scikit-image resizes it (what it shrinks is smoothed first), with any
        other number SciPy does.
    new_dims : height and width.
    interp_order : of the splines: 0 nearest, 1 linear, 3 cubic.

    Returns
    -------
    (height, width, K), float32.
    """
    height, width = (int(size) for size in new_dims)
    if im.shape[-1] not in (1, 3):
        scale = (height / im.shape[0], width / im.shape[1], 1)
        return np.asarray(ndimage.zoom(im, scale, order=interp_order), np.float32)
    low, high = im.min(), im.max()
    if low == high:
        return np.full((height, width, im.shape[-1]), low, np.float32)
    resized = _warped((im - low) / (high - low), (height, width), interp_order)
    return np.asarray(resized * (high - low) + low, np.float32)


def oversample(images: Sequence[np.ndarray] | np.ndarray, crop_dims: Size) -> np.ndarray:
    """Ten crops of every picture: four corners, the centre, and the same mirrored.

    Parameters
    ----------
    images : N pictures (H, W, K) of one size.
    crop_dims : height and width.

    Returns
    -------
    (10 N, height, width, K), float32.
    """
    height, width = (int(size) for size in crop_dims)
    tall, wide, channels = images[0].shape
    corners: list[tuple[Any, Any]] = [(top, left) for top in (0, tall - height) for left in (0, wide - width)]
    places = [*corners, (int(tall / 2.0 - height / 2.0), int(wide / 2.0 - width / 2.0))]
    crops = np.empty((len(images), 2, len(places), height, width, channels), np.float32)
    for index, image in enumerate(images):
        for place, (top, left) in enumerate(places):
            crops[index, 0, place] = image[top : top + height, left : left + width]
        crops[index, 1] = crops[index, 0, :, :, ::-1]
    return crops.reshape(-1, height, width, channels)


def _warped(im: np.ndarray, size: tuple[int, int], order: int) -> np.ndarray:
    """A picture from 0 to 1 in another size: smoothed as far as it shrinks, then each pixel read off at its centre.

    Source: ``resize`` of scikit-image up to 0.18, with ``mode="constant"``.
    """
    factors = np.divide(im.shape[:2], size)
    smooth = ndimage.gaussian_filter(im, [*np.maximum(0, (factors - 1) / 2), 0], mode="constant")
    rows, columns = factors
    place = transform.AffineTransform(scale=(columns, rows), translation=(columns / 2 - 0.5, rows / 2 - 0.5))
    warped: np.ndarray = transform.warp(smooth, place, output_shape=size, order=order, mode="constant")
    return warped
