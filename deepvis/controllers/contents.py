"""What each pane shows, as values: the controller makes them, the window draws them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.colour import ColourScale
from deepvis.compute.facts import UnitFacts, Whole
from deepvis.compute.tiles import TileLayout
from deepvis.controllers.lanes import Problem
from deepvis.models.resolve import DisplayState

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class ImageContent:
    """One picture pane.

    Parameters
    ----------
    title : what it is, in a few words.
    detail : small print beside the title.
    pixels : (H, W, 3 or 4) uint8, drawn without interpolation; None while there is nothing to draw.
    smooth : whether the pixels are a photograph, which may be interpolated.
    missing : where there are no pixels, what is missing and what to do.
    scale : of the colour bar; None for a picture without one.
    box : left, top, width and height, in shares of the picture, of a frame to draw; None for none.
    """

    title: str
    detail: str = ""
    pixels: Pixels | None = None
    smooth: bool = False
    missing: str = ""
    scale: ColourScale | None = None
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, eq=False)
class GridContent:
    """The grid of all units.

    Parameters
    ----------
    pixels : composed RGBA; None while there is nothing.
    layout : where the tiles lie.
    values : (C, H, W) or (C,) what is under the cursor.
    scale : of the colour bar.
    note : what the scale is relative to.
    missing : what is missing and what to do.
    """

    pixels: Pixels | None = None
    layout: TileLayout | None = None
    values: NDArray[np.float32] | None = None
    scale: ColourScale | None = None
    note: str = ""
    missing: str = ""

    def read_out(self, x: float, y: float) -> tuple[int, int, int, float] | None:
        """Unit, row, column and value under a pixel of the composed picture; None beside the tiles."""
        if self.layout is None or self.values is None:
            return None
        hit = self.layout.unit_at(x, y)
        if hit is None:
            return None
        unit, row, column = hit
        return unit, row, column, float(self.values.reshape(len(self.values), self.layout.height, -1)[hit])


@dataclass(frozen=True, eq=False)
class FactsContent:
    """Patches, histogram, H and rate of the selected unit, or what is missing for them; ``stale`` is the reason."""

    facts: UnitFacts | None = None
    missing: str = ""
    stale: str = ""


@dataclass(frozen=True)
class ClassesContent:
    """The most probable classes, greatest first, or what is missing for them."""

    rows: tuple[tuple[str, float], ...] = ()
    note: str = ""
    missing: str = ""


@dataclass(frozen=True)
class StatusContent:
    """The status line, from left to right."""

    parts: tuple[str, ...] = field(default=())


class View(Protocol):
    """What the controller needs of a window."""

    def show_state(self, state: DisplayState) -> None:
        """Follow the state: titles, options, the selected unit, which panes are there."""

    def show_input(self, content: ImageContent) -> None:
        """Draw the input picture."""

    def show_unit(self, content: ImageContent) -> None:
        """Draw the selected unit."""

    def show_back(self, content: ImageContent) -> None:
        """Draw the result of back-propagation."""

    def show_grid(self, content: GridContent) -> None:
        """Draw all units."""

    def show_facts(self, content: FactsContent) -> None:
        """Draw patches and histogram."""

    def show_whole(self, rank: int, content: Whole) -> None:
        """Show the whole picture of a patch."""

    def show_classes(self, content: ClassesContent) -> None:
        """Draw the most probable classes."""

    def show_status(self, content: StatusContent) -> None:
        """Write the status line."""

    def show_problem(self, problem: Problem) -> None:
        """Show what went wrong in a bar that does not stand in the way."""

    def clear_problem(self) -> None:
        """Take the bar away: what it was about is over."""
