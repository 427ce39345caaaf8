"""Ways to look at what back-propagation brought to the input."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

BLUR_SHARE = 0.02  # standard deviation of the blur as a share of the picture's longer side

Array = NDArray[np.float32]


def gray(gradient: Array) -> Array:
    """Mean over the channels, signed: (C, H, W) → (H, W)."""
    return gradient.mean(0)


def norm(gradient: Array) -> Array:
    """Euclidean length over the channels: (C, H, W) → (H, W), ≥ 0."""
    return np.sqrt(np.square(gradient).sum(0))


def blurred_norm(gradient: Array) -> Array:
    """`norm` after a Gaussian blur of `BLUR_SHARE` of the longer side: (C, H, W) → (H, W), ≥ 0."""
    lengths = norm(gradient)
    return blur(lengths)


def blur(values: Array) -> Array:
    """(H, W) after a Gaussian blur of `BLUR_SHARE` of the longer side; beyond the edges the picture is mirrored."""
    blurred = cv2.GaussianBlur(values, (0, 0), BLUR_SHARE * max(values.shape), borderType=cv2.BORDER_REFLECT)
    return blurred.astype(np.float32, copy=False)


def positive_sum(gradient: Array) -> Array:
    """Sum over the channels where it is positive, else 0, blurred like `blurred_norm`: (C, H, W) → (H, W), ≥ 0."""
    total = np.maximum(gradient.sum(0), 0)
    return blur(total)


BACK_MAPS: dict[str, Callable[[Array], Array]] = {
    "gray": gray,
    "norm": norm,
    "normblur": blurred_norm,
    "sum>0": positive_sum,
}


def raw_colours(gradient: Array, red_channel: int = 2) -> NDArray[np.uint8]:
    """The gradient itself as colours about middle gray.

    Parameters
    ----------
    gradient : (C, H, W); three channels give colours, any other number the gray of their mean.
    red_channel : channel that is red, 0 for RGB and 2 for BGR nets.

    Returns
    -------
    (H, W, 4) RGBA: zero is 128; the greatest absolute value of the picture is 0 or 255; one factor for all channels.
    """
    if len(gradient) != 3:
        gradient = np.repeat(gray(gradient)[None], 3, 0)
    elif red_channel == 2:
        gradient = gradient[::-1]
    reach = float(np.abs(gradient).max())
    levels = np.rint(128 + gradient * (127 / reach if reach > 0 else 0.0)).astype(np.uint8)
    alpha = np.full((1, *levels.shape[1:]), 255, np.uint8)
    return np.ascontiguousarray(np.concatenate([levels, alpha]).transpose(1, 2, 0))
