"""What each pane shows, as values: the controller makes them, the window draws them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.colour import ColourScale
from deepvis.compute.facts import UnitFacts, Whole
from deepvis.compute.frames import UnitFrames
from deepvis.compute.tiles import Layout
from deepvis.controllers.lanes import Problem
from deepvis.state.resolve import DisplayState
from prototxt.common.progress import Progress

if TYPE_CHECKING:
    from deepvis.session.session import Session

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
    layout : where the units lie.
    values : what is under the cursor, as the layout takes it; None for pictures.
    scale : of the colour bar.
    note : what the scale is relative to.
    missing : what is missing and what to do.
    captions : what to say of each unit under the cursor; empty for nothing.
    smooth : whether the tiles are photographs or drawings, which may be interpolated when they shrink.
    """

    pixels: Pixels | None = None
    layout: Layout | None = None
    values: NDArray[np.float32] | None = None
    scale: ColourScale | None = None
    note: str = ""
    missing: str = ""
    captions: tuple[str, ...] = ()
    smooth: bool = False

    def read_out(self, x: float, y: float) -> tuple[int, str] | None:
        """Unit under a pixel of the composed picture, and what to say of it; None beside the units."""
        hit = None if self.layout is None else self.layout.unit_at(x, y)
        if hit is None or self.layout is None:
            return None
        caption = self.captions[hit[0]] if self.captions else ""
        return hit[0], self.layout.words(hit, self.values) + (f"  {caption}" if caption else "")


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

    def show_frames(self, frames: UnitFrames) -> None:
        """Draw a coloured frame around every unit of the layer, or none."""

    def show_facts(self, content: FactsContent) -> None:
        """Draw patches and histogram."""

    def show_whole(self, rank: int, content: Whole) -> None:
        """Show the whole picture of a patch."""

    def show_classes(self, content: ClassesContent) -> None:
        """Draw the most probable classes."""

    def show_status(self, content: StatusContent) -> None:
        """Write the status line."""

    def show_pane(self, name: str, content: Any) -> None:
        """Draw a pane of `deepvis.controllers.panes` with what its maker gave."""

    def show_session(self, session: Session) -> None:
        """Follow another model: its layers, its name."""

    def show_progress(self, title: str, progress: Progress | None) -> None:
        """Show how far long work is; None takes the bar away."""

    def show_problem(self, problem: Problem) -> None:
        """Show what went wrong in a bar that does not stand in the way."""

    def clear_problem(self) -> None:
        """Take the bar away: what it was about is over."""
