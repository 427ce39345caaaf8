"""All maps of a layer as one picture: composing the grid, and finding a unit in it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from deepvis.state.net_info import Grid

SMALLEST_TILE = 9  # pixels; smaller maps are enlarged to whole multiples, so that the line between tiles stays thin


class Layout(Protocol):
    """Where the units of a layer lie in a composed picture."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the picture in pixels."""

    def fits(self, grid: Grid) -> bool:
        """Whether it is the one that belongs to the state with ``grid``."""

    def box(self, unit: int) -> tuple[int, int, int, int]:
        """Left, top, width and height of what belongs to a unit, in pixels."""

    def unit_at(self, x: float, y: float) -> tuple[int, int, int] | None:
        """Unit, row and column of the cell under a pixel; None where there is none."""

    def words(self, hit: tuple[int, int, int], values: NDArray[np.floating] | None) -> str:
        """What a hit of `unit_at` is, in words."""


@dataclass(frozen=True)
class TileLayout:
    """Where the tiles of a grid lie in the composed picture.

    Parameters
    ----------
    grid : rows and columns.
    height, width : of one map in cells.
    zoom : pixels per cell, at least 1.
    line : pixels between two tiles.
    """

    grid: Grid
    height: int
    width: int
    zoom: int
    line: int = 1

    @classmethod
    def of(cls, grid: Grid, height: int, width: int) -> Self:
        """Enlarge tiles to at least `SMALLEST_TILE` pixels a side."""
        return cls(grid, height, width, max(1, -(-SMALLEST_TILE // min(height, width))))

    @property
    def step(self) -> tuple[int, int]:
        """Pixels from one tile to the next, down and right."""
        return self.height * self.zoom + self.line, self.width * self.zoom + self.line

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the composed picture in pixels."""
        down, right = self.step
        return self.grid.rows * down - self.line, self.grid.columns * right - self.line

    def box(self, unit: int) -> tuple[int, int, int, int]:
        """Left, top, width and height of a unit's tile in pixels."""
        row, column = self.grid.place(unit)
        down, right = self.step
        return column * right, row * down, self.width * self.zoom, self.height * self.zoom

    def fits(self, grid: Grid) -> bool:
        """Whether the tiles lie as in ``grid``."""
        return self.grid == grid

    def words(self, hit: tuple[int, int, int], values: NDArray[np.floating] | None) -> str:
        """What is under a pixel, as a person reads it: the unit, the cell where there are several, its value.

        Parameters
        ----------
        hit : what `unit_at` gave.
        values : (C, H, W) or (C,); None where the tiles are pictures and no values.
        """
        unit, row, column = hit
        if values is None:
            return f"unit {unit}"
        place = "" if self.height * self.width == 1 else f" ({row}, {column})"
        return f"unit {unit}{place}: {values.reshape(len(values), self.height, -1)[hit]:.4g}"

    def unit_at(self, x: float, y: float) -> tuple[int, int, int] | None:
        """Unit, row and column of the cell under a pixel; None on a line, in an empty cell and outside."""
        down, right = self.step
        if x < 0 or y < 0:
            return None
        row, inner_y = divmod(int(y), down)
        column, inner_x = divmod(int(x), right)
        unit = self.grid.unit_at(row, column)
        if unit is None or inner_y >= down - self.line or inner_x >= right - self.line:
            return None
        return unit, inner_y // self.zoom, inner_x // self.zoom


def compose_grid(maps: NDArray[np.floating], layout: TileLayout) -> NDArray[np.float32]:
    """Lay the maps of a layer side by side, row by row, each cell enlarged without interpolation.

    Parameters
    ----------
    maps : (C, H, W) or (C,) values.
    layout : where the tiles go; its grid shows all of C units or some, its height and width are H and W.

    Returns
    -------
    (rows·(H·zoom + line) - line, columns·(W·zoom + line) - line); NaN on the lines and in empty cells.
    """
    (down, right), grid = layout.step, layout.grid
    maps = maps.reshape(len(maps), layout.height, layout.width)
    maps = maps[list(grid.order)] if grid.order else maps
    cells = np.full((grid.rows * grid.columns, down, right), np.nan, np.float32)
    enlarged = maps.repeat(layout.zoom, axis=1).repeat(layout.zoom, axis=2) if layout.zoom > 1 else maps
    cells[: grid.units, : enlarged.shape[1], : enlarged.shape[2]] = enlarged
    rows = cells.reshape(grid.rows, grid.columns, down, right).transpose(0, 2, 1, 3)
    whole = rows.reshape(grid.rows * down, grid.columns * right)
    return np.ascontiguousarray(whole[: layout.shape[0], : layout.shape[1]])
