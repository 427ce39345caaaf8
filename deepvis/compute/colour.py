"""From values to colours: scales that stay comparable, perceptual maps, and a diverging one about zero."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from cmap import Colormap
from numpy.typing import NDArray

BACKGROUND = (27, 29, 32, 255)  # RGBA of what is no number: lines between tiles, empty cells
DIVERGING = "lisbon"  # light blue - dark grey - light yellow: zero is dark, as in the sequential maps
_LEVELS = 256


@dataclass(frozen=True)
class ColourScale:
    """What the two ends of the colour bar mean.

    Parameters
    ----------
    low, high : values at the ends of the map, ``low < high``; ``low == -high`` where values can be negative.
    colormap : a name of the `cmap` package.
    gamma : exponent, in (0, 1]; below 1 it lifts small values and is written beside the bar.
    """

    low: float
    high: float
    colormap: str
    gamma: float = 1.0

    @property
    def diverging(self) -> bool:
        """Whether the scale lies on both sides of zero."""
        return self.low < 0 < self.high


def scale_for(low: float, high: float, colormap: str, gamma: float = 1.0) -> ColourScale:
    """A scale for values from ``low`` to ``high``: from zero up, or diverging about zero if some are negative.

    A layer that is zero everywhere gets the range 0 to 1, so that it is drawn as zero and not as noise.
    """
    if low < 0:
        reach = max(-low, high)
        return ColourScale(-reach, reach, DIVERGING, gamma)
    return ColourScale(0.0, high if high > 0 else 1.0, colormap, gamma)


def with_levels(scale: ColourScale, low: float, high: float) -> ColourScale:
    """Spread the map over a part of a scale, for more contrast in it.

    Parameters
    ----------
    low, high : the part, in shares of the range, ``0 <= low < high <= 1``; of a diverging scale only ``high`` counts,
        on both sides, so that zero stays in the middle. Where ``low`` is not below ``high`` the scale stays.
    """
    if low >= high:
        return scale
    if scale.diverging:
        return replace(scale, low=scale.low * high, high=scale.high * high)
    width = scale.high - scale.low
    return replace(scale, low=scale.low + low * width, high=scale.low + high * width)


def colourise(values: NDArray[np.floating], scale: ColourScale) -> NDArray[np.uint8]:
    """Colour of every value.

    Parameters
    ----------
    values : any shape; beyond the scale's ends they get the end's colour, NaN gets `BACKGROUND`.
    scale : the range and the map.

    Returns
    -------
    values.shape + (4,) RGBA in 0-255.
    """
    colours = colour_table(scale.colormap).view(np.uint32)[:, 0]  # four bytes in one
    position = values - np.float32(scale.low)
    position *= np.float32(1 / (scale.high - scale.low))
    if scale.gamma != 1.0:
        position = _apply_gamma(position, scale)
    position *= np.float32(_LEVELS - 1)
    position += np.float32(0.5)
    np.clip(position, 0, _LEVELS - 1, out=position)
    np.copyto(position, _LEVELS, where=np.isnan(position))
    return colours.take(position.astype(np.intp)).view(np.uint8).reshape(*values.shape, 4)


def unit_ranges(maps: NDArray[np.floating]) -> NDArray[np.float32]:
    """(C, 2) least and greatest value of each of the (C, ...) maps."""
    flat = maps.reshape(len(maps), -1)
    return np.stack([flat.min(1), flat.max(1)], 1).astype(np.float32)


def boost_units(maps: NDArray[np.floating], boost: float) -> NDArray[np.float32]:
    """Lift weak units: multiply each map by (layer's reach / unit's reach) ** boost.

    Parameters
    ----------
    maps : (C, ...) maps of a layer.
    boost : 0 leaves them as they are, 1 gives every unit the same greatest absolute value; a map of zeros stays zero.
    """
    reach = np.abs(unit_ranges(maps)).max(1)
    factors = np.where(reach > 0, reach.max(initial=0) / np.where(reach > 0, reach, 1), 1) ** boost
    return (maps * factors.reshape(-1, *[1] * (maps.ndim - 1))).astype(np.float32)


@cache
def colour_table(colormap: str) -> NDArray[np.uint8]:
    """(257, 4) RGBA of a map of the `cmap` package; the last row is `BACKGROUND`, for what is no number."""
    colours = np.asarray(Colormap(colormap).lut(_LEVELS))
    table = np.vstack([np.rint(colours * 255).astype(np.uint8), np.array([BACKGROUND], np.uint8)])
    table.setflags(write=False)
    return table


def _apply_gamma(position: NDArray[np.floating], scale: ColourScale) -> NDArray[np.floating]:
    """Lift small values: about the middle for a diverging scale, from the low end otherwise."""
    if not scale.diverging:
        return np.clip(position, 0, 1) ** np.float32(scale.gamma)
    signed = np.clip(position, 0, 1) * 2 - 1
    return (np.sign(signed) * np.abs(signed) ** np.float32(scale.gamma) + 1) / 2
