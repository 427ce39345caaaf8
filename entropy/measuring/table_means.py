"""The mean activations of a layer as a table of all images, read block by block: its size does not matter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from entropy.errors import ScanError
from entropy.measuring.histograms import Binning, entropy_bits, rank_by_h

Array = NDArray[np.float64]
Block = NDArray[np.floating]
PIECE = 1 << 17  # values worked on at once, so that copies of them stay in the cache


@dataclass(frozen=True)
class Measured:
    """What was read off the means of a layer of C units.

    Parameters
    ----------
    binning : the bins of every unit.
    counts : (C, bins) int64, images in every bin.
    mean, std : (C,) float64, of the means over images.
    zeros : (C,) float64, share of images whose mean is exactly 0.
    """

    binning: Binning
    counts: NDArray[np.int64]
    mean: Array
    std: Array
    zeros: Array

    @cached_property
    def h(self) -> Array:
        """(C,) H in bits, at most what the unit's own number of bins allows."""
        return np.minimum(entropy_bits(self.counts), self.binning.most_bits)

    @property
    def rank(self) -> NDArray[np.int64]:
        """(C,) rank of H among the units of the layer (`entropy.measuring.histograms.rank_by_h`)."""
        return rank_by_h(self.h, self.std, self.mean)


@dataclass(frozen=True)
class TableMeans:
    """Means of N images for the C units of a layer.

    Parameters
    ----------
    blocks : gives the table again each time, as consecutive (B, C) runs of images.
    images, units : N, C.
    title : of the layer, for messages.
    """

    blocks: Callable[[], Iterable[Block]]
    images: int
    units: int
    title: str = "a layer"

    @classmethod
    def of_array(cls, table: Block, title: str = "a layer") -> TableMeans:
        """Give a table that is in memory, (N, C)."""
        return cls(lambda: [table], len(table), table.shape[1], title)

    def pieces(self) -> Iterator[Block]:
        """Give the table in pieces that stay in the cache; a `ScanError` if a mean is not finite."""
        height = max(1, PIECE // self.units)
        for block in self.blocks():
            for start in range(0, len(block), height):
                piece = block[start : start + height]
                if not np.isfinite(piece).all():
                    unit = int(np.flatnonzero(~np.isfinite(piece).all(axis=0))[0])
                    raise ScanError(f"{self.title}, unit {unit} has a mean that is not finite; scan again")
                yield piece

    def values(self) -> Block:
        """Give the whole table, (N, C)."""
        return np.concatenate(list(self.blocks()))

    def unit_ranges(self, quantile: float) -> tuple[Array, Array]:
        """Give the range of every unit alone, (C,) each; see `entropy.measuring.histograms.value_range`."""
        return _ranges(self.pieces(), self.images, self.units, quantile)

    @staticmethod
    def shared_range(layers: Sequence[TableMeans], quantile: float) -> tuple[float, float]:
        """Give the range that all units of some layers share; see `entropy.measuring.histograms.value_range`."""
        pieces = chain.from_iterable(layer.pieces() for layer in layers)
        count = sum(layer.images * layer.units for layer in layers)
        low, high = _ranges((piece.reshape(-1, 1) for piece in pieces), count, 1, quantile)
        return float(low[0]), float(high[0])

    def measure(self, binning: Binning) -> Measured:
        """Read the table once and count it into bins."""
        counts = np.zeros((self.units, binning.most), np.int64)
        zeros = np.zeros(self.units, np.int64)
        done, mean, squares = 0, np.zeros(self.units), np.zeros(self.units)
        for piece in self.pieces():
            counts += binning.counts(piece)
            zeros += np.count_nonzero(piece == 0, axis=0)
            wide = piece.astype(np.float64)
            own = wide.mean(axis=0)
            wide -= own
            # Chan, Golub and LeVeque (1983): moments of two runs joined.
            rows, away = len(piece), own - mean
            squares += np.einsum("ij,ij->j", wide, wide) + away**2 * (done * rows / (done + rows))
            mean += away * (rows / (done + rows))
            done += rows
        return Measured(binning, counts, mean, np.sqrt(squares / done), zeros / done)


class _Tail:
    """The greatest values of every column of a stream.

    Parameters
    ----------
    count : how many are kept of each of the columns.
    """

    def __init__(self, count: int, columns: int) -> None:
        self._count = count
        self._parts: list[Block] = []
        self._rows = 0
        self._floor: Block = np.full(columns, -np.inf)
        self._most = 2 * count + PIECE // columns

    def add(self, values: Block) -> None:
        """Take in (B, columns) values."""
        higher = values > self._floor
        rows = values[higher[:, 0] if higher.shape[1] == 1 else higher.any(axis=1)]
        if len(rows):
            self._parts.append(rows)
            self._rows += len(rows)
        if self._rows > self._most:
            self._parts = [self._cut()]
            self._rows = self._count
            self._floor = self._parts[0].min(axis=0)

    def _cut(self) -> Block:
        joined = np.concatenate(self._parts)
        spare = len(joined) - self._count
        return np.partition(joined, spare, axis=0)[spare:] if spare > 0 else joined

    def sorted(self) -> Array:
        """(count, columns), the greatest last."""
        return np.sort(self._cut(), axis=0).astype(np.float64)


def _ranges(pieces: Iterable[Block], count: int, columns: int, quantile: float) -> tuple[Array, Array]:
    """The rule of `entropy.measuring.histograms.value_range` for every column of a stream of ``count`` rows."""
    up, down = ((count - 1) * each for each in (quantile, 1 - quantile))
    upper, lower = _Tail(count - int(up), columns), _Tail(min(int(down) + 2, count), columns)
    least = np.inf
    for piece in pieces:
        upper.add(piece)
        lower.add(-piece)
        least = min(least, float(piece.min()))
    high = _between(upper.sorted()[:2], up)
    low = _between(-lower.sorted()[::-1][int(down) :], down) if least < 0 else np.zeros(columns)
    return np.minimum(low, 0), np.maximum(high, 0)


def _between(values: Array, place: float) -> Array:
    """Interpolate as `numpy.quantile` does; ``values`` are those at the whole numbers around ``place``."""
    return np.quantile(values[:2], place % 1, axis=0) if len(values) > 1 else values[0]
