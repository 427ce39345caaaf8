"""Histograms of many units at once, as numbers and as small pictures: no figure is made for each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepvis.palette import ACCENT, PANEL, ZERO, rgb

BINS = 50


def equal_bins(rows: NDArray[np.floating], bins: int = BINS) -> tuple[NDArray[np.int64], float, float]:
    """Count the values of every row in bins of equal width over a range that all rows share.

    Parameters
    ----------
    rows : (C, K) finite values, one row for each unit.
    bins : at least 1.

    Returns
    -------
    (C, bins) counts, and the range's ends: the least and the greatest value. Where all values are equal, the range is
    half a unit to both sides of it, as in `numpy.histogram`.
    """
    low, high = (float(rows.min()), float(rows.max())) if rows.size else (0.0, 0.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    place = np.clip(((rows - low) * (bins / (high - low))).astype(np.int64), 0, bins - 1)
    place += np.arange(len(rows))[:, None] * bins
    return np.bincount(place.ravel(), minlength=len(rows) * bins).reshape(len(rows), bins), low, high


def zero_bin(low: float, high: float, bins: int) -> int | None:
    """Bin in which 0 lies; None where the range does not hold it."""
    if not low <= 0 <= high or low == high:
        return None
    return min(int(-low * bins / (high - low)), bins - 1)


def draw_bars(
    heights: NDArray[np.floating], rows: int, bar: int = 1, marked: int | None = None, shared: bool = False
) -> NDArray[np.uint8]:
    """Draw a histogram for every unit.

    Parameters
    ----------
    heights : (C, bins), ≥ 0.
    rows : height of a picture in pixels.
    bar : width of a bar in pixels.
    marked : bin that is drawn in another colour, such as the one that 0 lies in.
    shared : whether the greatest of all units reaches the top, else each unit's own does.

    Returns
    -------
    (C, rows, bins · bar, 4) RGBA. A bin that is not empty is at least one pixel high.
    """
    top = heights.max(axis=None if shared else 1, keepdims=True, initial=0)
    pixels = np.ceil(heights * (rows / np.where(top > 0, top, 1)))
    filled = pixels[:, None, :] > np.arange(rows)[::-1][None, :, None]
    colours = np.array([[*rgb(PANEL), 255], [*rgb(ACCENT), 255], [*rgb(ZERO), 255]], np.uint8)
    index = filled.astype(np.uint8)
    if marked is not None:
        index[:, :, marked] *= 2
    return colours[index.repeat(bar, axis=2)]
