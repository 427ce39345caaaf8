"""Correlation of the units of a layer as a picture: rows by rows, alike units beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import eigsh

from deepvis.state.net_info import Grid

Array = NDArray[np.float32]
ROWS = 128  # rows of the matrix that are computed in one step
_ZOOMED_TO = 600  # pixels a side that small matrices are enlarged to, about


@dataclass(frozen=True, eq=False)
class MatrixLayout:
    """Where units lie in the picture of a (C, C) matrix.

    Parameters
    ----------
    order : (C,) unit of every row and column.
    """

    order: NDArray[np.int64]

    @property
    def zoom(self) -> int:
        """Pixels per cell."""
        return max(1, _ZOOMED_TO // len(self.order))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the picture in pixels."""
        side = len(self.order) * self.zoom
        return side, side

    def fits(self, grid: Grid) -> bool:
        """Whether it is a matrix of as many units."""
        return max(grid.shown) < len(self.order) and (bool(grid.order) or grid.units == len(self.order))

    def box(self, unit: int) -> tuple[int, int, int, int]:
        """Left, top, width and height of the unit's row."""
        place = int(np.flatnonzero(self.order == unit)[0])
        return 0, place * self.zoom, self.shape[1], self.zoom

    def unit_at(self, x: float, y: float) -> tuple[int, int, int] | None:
        """Unit of the row, and row and column under a pixel; None outside."""
        row, column = int(y // self.zoom), int(x // self.zoom)
        if not (0 <= row < len(self.order) and 0 <= column < len(self.order)):
            return None
        return int(self.order[row]), row, column

    def words(self, hit: tuple[int, int, int], values: NDArray[np.floating] | None) -> str:
        """Such as ``units 3 and 17: r 0.42``; ``values`` is the (C, C) matrix in the order of the picture."""
        unit, row, column = hit
        both = f"units {unit} and {self.order[column]}"
        if values is None or not np.isfinite(values[row, column]):
            return f"{both}: none, as one of them is constant"
        return f"{both}: r {values[row, column]:.3f}"


def correlating(rows: Array) -> Iterator[Array]:
    """Pearson correlation of every row with every other one, some rows in every step.

    Parameters
    ----------
    rows : (C, K) finite.

    Yields
    ------
    (at most `ROWS`, C) float32 rows of the matrix, from the first on; NaN for rows that are constant. While the rows
        are still being centred there are none of them, (0, C).
    """
    nothing = np.empty((0, len(rows)), np.float32)
    centred = np.empty_like(rows)
    for start in range(0, len(rows), ROWS):
        centred[start : start + ROWS] = _standardised(rows[start : start + ROWS])
        yield nothing
    for start in range(0, len(rows), ROWS):
        yield np.clip(centred[start : start + ROWS] @ centred.T, -1, 1)


def _standardised(rows: Array) -> Array:
    """Rows with mean 0 and length 1; NaN where a row is constant."""
    centred = rows - rows.mean(1, keepdims=True, dtype=np.float64).astype(np.float32)
    lengths = np.sqrt(np.einsum("ck,ck->c", centred, centred, dtype=np.float64))
    constant = lengths <= np.finfo(np.float32).eps * np.abs(rows).max(1, initial=0) * np.sqrt(rows.shape[1])
    return centred / np.where(constant, np.nan, lengths).astype(np.float32)[:, None]


def order_by_likeness(matrix: Array) -> NDArray[np.int64]:
    """Order of the units in which alike ones are neighbours: by the angle in the plane of the two main eigenvectors.

    Parameters
    ----------
    matrix : (C, C) correlations; units with NaN come last.

    References
    ----------
    Friendly (2002), "Corrgrams: exploratory displays for correlation matrices", section 2.3.
    """
    known = np.flatnonzero(np.isfinite(matrix).any(1))
    rest = np.setdiff1d(np.arange(len(matrix)), known)
    if len(known) < 4:
        return np.concatenate([known, rest])
    inner = matrix if len(known) == len(matrix) else matrix[np.ix_(known, known)]
    start = np.cos(np.arange(len(known)))  # fixed, so that the order is always the same
    _, vectors = eigsh(inner.astype(np.float64) if len(known) < 512 else inner, k=2, v0=start.astype(inner.dtype))
    angles = np.arctan2(vectors[:, 0], vectors[:, 1])
    order = np.argsort(angles, kind="stable")
    gaps = np.diff(np.append(angles[order], angles[order[0]] + 2 * np.pi))  # the circle is cut where it is emptiest
    return np.concatenate([known[np.roll(order, -int(gaps.argmax()) - 1)], rest])
