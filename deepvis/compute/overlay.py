"""The input picture and a map of it in one."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

INACTIVE_BELOW = 0.1  # share of the map's greatest value below which a place counts as inactive

Picture = NDArray[np.uint8]


def overlay(picture: Picture, values: NDArray[np.floating], colours: Picture, mode: str) -> Picture:
    """Show the input where the map is active, or where it is not.

    Parameters
    ----------
    picture : (H, W, 3) RGB, the part of the picture that the net saw.
    values : (h, w) the map; its greatest absolute value counts as fully active.
    colours : (h, w, 4) RGBA, the map as it is drawn.
    mode : ``"off"``, ``"over active"`` (the picture shows through where the map is active) or ``"over inactive"``
        (the picture stands where the map is below a tenth of its greatest value).

    Returns
    -------
    (H, W, 4) RGBA; ``colours`` itself while the overlay is off.
    """
    if mode == "off":
        return colours
    size = picture.shape[1::-1]
    reach = float(np.abs(values).max())
    active = np.abs(values) / (reach if reach > 0 else 1.0)
    mask = cv2.resize(active.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)[..., None]
    if mode == "over inactive":
        mask = (mask < INACTIVE_BELOW).astype(np.float32)
    drawn = cv2.resize(colours[..., :3], size, interpolation=cv2.INTER_NEAREST)
    mixed = mask * picture + (1 - mask) * drawn
    return np.dstack([np.rint(mixed).astype(np.uint8), np.full(mask.shape[:2], 255, np.uint8)])
