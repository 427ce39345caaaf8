"""Which stretch of one input axis every position of a blob's axis sees, as small tables of integers.

A table holds for every position two stretches [start, end): the *nominal* one, as if the axis went on beyond both
ends (padding counted in), and the one that is really *seen* (padding and missing positions left out). Tables rather
than formulas, because they stay exact where no formula ``start + stride * position`` holds: after deconvolutions,
unions of branches, spatial slices, at borders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import gcd, lcm

import numpy as np

from prototxt.net.windows import Window

# Ends are stored with their sign turned, so that the union of stretches is the minimum of all four rows. An empty
# stretch starts and ends at NOWHERE, which every minimum forgets.
NOWHERE = 1 << 40
ROWS = 4
SIGNS = np.array([1, -1, 1, -1])[:, None]


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """Stretches seen from the positions of one axis.

    Attributes
    ----------
    bounds : (4, m) int64: nominal start, minus nominal end, seen start, minus seen end, of positions 0 … m-1.
    length : the positions that exist; those from ``length`` to m-1 complete a period and are virtual.
    period, advance : beyond both ends the nominal stretches go on so that they move by ``advance`` in ``period``
        positions (m >= period).
    """

    bounds: np.ndarray
    length: int
    period: int = 1
    advance: int = 0

    def over(self, first: int, last: int) -> np.ndarray:
        """Return the bounds of positions ``first`` … ``last``-1, which may lie outside of the axis: (4, last-first)."""
        width = self.bounds.shape[1]
        inside = self.bounds[:, max(first, 0) : max(last, 0)]
        parts = [inside] if inside.shape[1] else []
        if first < 0:
            parts.insert(0, self._beyond(np.arange(first, min(last, 0)), 0))
        if last > width:
            parts.append(self._beyond(np.arange(max(first, width), last), width - self.period))
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def _beyond(self, positions: np.ndarray, base: int) -> np.ndarray:
        """Return virtual positions, continued from the period that starts at ``base``; nothing of them is seen."""
        periods, places = np.divmod(positions - base, self.period)
        bounds = np.full((ROWS, len(positions)), NOWHERE)
        nominal = self.bounds[:2, base + places]
        bounds[:2] = np.where(nominal < NOWHERE, nominal + SIGNS[:2] * (periods * self.advance), NOWHERE)
        return bounds


def source(length: int) -> Table:
    """Return the table of the input itself: every position sees itself."""
    start = np.arange(length)
    return Table(np.stack([start, -start - 1] * 2), length, 1, 1)


def slide(table: Table, window: Window, length: int) -> Table:
    """Return what ``length`` positions of a window see (Convolution, Pooling; with negative pad also a cut)."""
    if window == Window(1) and length == table.length:
        return table
    period = table.period // gcd(table.period, window.stride)
    advance = table.advance * period * window.stride // table.period
    width = max(length, period)
    first = -window.pad
    taps = table.over(first, first + (width - 1) * window.stride + window.extent)
    columns = (width - 1) * window.stride + 1
    bounds = taps[:, : columns : window.stride]
    for start in range(window.dilation, window.extent, window.dilation):
        bounds = np.minimum(bounds, taps[:, start : start + columns : window.stride])
    return _table(bounds, length, period, advance)


def slide_back(table: Table, window: Window, length: int) -> Table:
    """Return what ``length`` outputs of a Deconvolution see: position i reaches i*stride - pad + dilation*k."""
    period = table.period * window.stride
    width = max(length, period)
    reached = np.arange(width) + window.pad - window.dilation * np.arange(window.kernel)[:, None]
    positions, rest = np.divmod(reached, window.stride)
    first, last = int(positions.min()), int(positions.max()) + 1
    taps = np.concatenate([table.over(first, last), np.full((ROWS, 1), NOWHERE)], axis=1)
    columns = np.where(rest == 0, positions - first, last - first)
    return _table(taps[:, columns].min(axis=1), length, period, table.advance)


def whole(table: Table) -> Table:
    """Return the table of a position that sees all that the positions of ``table`` see; it has no padding."""
    seen = table.bounds[2:, : table.length].min(axis=1, keepdims=True, initial=NOWHERE)
    return Table(np.concatenate([seen, seen]), 1)


def union(tables: Sequence[Table]) -> Table:
    """Return the hull of what several tables see; tables of one position go with every length."""
    first, *others = dict.fromkeys(tables)
    if not others:
        return first
    length = max(table.length for table in tables)
    fixed = [table for table in tables if table.length == 1 < length]
    period = lcm(*{table.period for table in tables})
    pace = {table.advance * period // table.period for table in tables}
    if fixed or len(pace) > 1:
        return Table(_hull(tables, length, length), length)
    return Table(_hull(tables, length, max(length, period)), length, period, pace.pop())


def join(tables: Sequence[Table], lengths: Sequence[int]) -> Table:
    """Return the tables of several axes one after the other (Concat along a spatial axis, Tile)."""
    parts = [
        table.bounds[:, :length] if table.length == length else np.repeat(table.bounds[:, :1], length, axis=1)
        for table, length in zip(tables, lengths, strict=True)
    ]
    return Table(np.concatenate(parts, axis=1), sum(lengths))


def _hull(tables: Sequence[Table], length: int, width: int) -> np.ndarray:
    parts = (table.bounds[:, :1] if table.length == 1 < length else table.over(0, width) for table in tables)
    return reduce(np.minimum, parts)


def _table(bounds: np.ndarray, length: int, period: int, advance: int) -> Table:
    """Make a table of ``bounds``; what is not a position of the axis is seen by nobody."""
    if bounds.shape[1] > length:
        bounds = bounds.copy()
        bounds[2:, length:] = NOWHERE
    return Table(bounds, length, period, advance)
