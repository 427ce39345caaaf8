"""Coloured frames around the units of a grid: H, the rate of the plan, or what a threshold would free."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.colour import ColourScale, colourise
from deepvis.compute.filter_table import FilterTable
from entropy.planning.transfer import TRANSFER

H_MAP, RATE_MAP = "viridis", "matplotlib:coolwarm"
"""Maps of H, and of rates: blue for frozen, red for free."""


@dataclass(frozen=True, eq=False)
class UnitFrames:
    """A frame for every unit of a layer.

    Parameters
    ----------
    colours : (C, 4) RGBA; empty for no frames.
    scale : of the colour bar.
    title : what the colours mean.
    captions : of every unit, for the line under the grid.
    missing : why there are none, and what to do.
    """

    colours: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 4), np.uint8))
    scale: ColourScale | None = None
    title: str = ""
    captions: tuple[str, ...] = ()
    missing: str = ""


def h_frames(bits: NDArray[np.float64], most: float) -> UnitFrames:
    """Frames for H.

    Parameters
    ----------
    bits : (C,) H of the layer's units.
    most : the greatest H of the layers that are compared; at least 0.
    """
    scale = ColourScale(0.0, most or 1.0, H_MAP)
    return UnitFrames(colourise(bits, scale), scale, "H, bit", tuple(f"H {one:.3f} bit" for one in bits))


def rate_frames(rates: NDArray[np.float64]) -> UnitFrames:
    """Frames for (C,) multipliers of the learning rate in [0, 1]."""
    scale = ColourScale(0.0, 1.0, RATE_MAP)
    return UnitFrames(colourise(rates, scale), scale, "rate of the plan", tuple(f"rate × {one:.3g}" for one in rates))


def threshold_frames(filters: FilterTable, layer: str, threshold: float) -> UnitFrames:
    """Frames for what ``threshold`` in bits would free (red) and freeze (blue), by the thesis's hard function."""
    bits = filters.table.h[filters.table.layer == layer]
    rates = TRANSFER[1].function(bits, np.array(threshold))
    made = rate_frames(rates)
    captions = tuple(f"H {one:.3f} bit: {'free' if rate else 'frozen'}" for one, rate in zip(bits, rates, strict=True))
    free = int((rates > 0).sum())
    title = f"H < {threshold:.3f} bit: {free} of {len(rates)} free"
    return UnitFrames(made.colours, made.scale, title, captions)
