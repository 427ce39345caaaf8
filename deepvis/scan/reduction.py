"""What a scan keeps of the maps of a layer: one pass over them, in pieces that stay in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deepvis.scan.exact_sum import ExactSums
from deepvis.scan.totals import Totals

# Values reduced at once. On a CPU the float64 copy of a piece (4 MB) should stay in the last cache: pieces of an eighth
# and of four times the size take half as long again. A GPU wants large ones, and 512 MB of copy are the bound.
PIECE = {"cpu": 1 << 19}
LARGE_PIECE = 1 << 26


@dataclass(frozen=True)
class Reduced:
    """Of every map of a batch, each (B, C): maximum and minimum float32, the rest float64 over the map's positions."""

    max: Tensor
    min: Tensor
    sum: Tensor
    squares: Tensor
    zeros: Tensor


def reduce_maps(maps: Tensor) -> Reduced:
    """Reduce (B, C, …) float32 maps over their positions; a (B, C) input has maps of one position.

    Sums and sums of squares are those of float64 copies, and the same bits in a batch of any size. A NaN in a map is
    the maximum of that map.
    """
    if _has_channels_last(maps):
        return _reduce_images(maps)
    batch, units = maps.shape[:2]
    rows = _two_or_more(maps.reshape(batch * units, -1))
    positions = rows.shape[1]
    height = max(2, PIECE.get(maps.device.type, LARGE_PIECE) // positions)
    reduce = _Piece((min(height, len(rows)), positions), maps.device)
    extremes = torch.empty(2, len(rows), dtype=torch.float32, device=maps.device)
    sums = torch.empty(3, len(rows), dtype=torch.float64, device=maps.device)
    for start in range(0, len(rows), height):
        piece = slice(min(start, len(rows) - 2), min(start + height, len(rows)))
        reduce(rows[piece], 1, extremes[:, piece], sums[:, piece])
    number = batch * units  # one less than there are rows, if that is one
    return Reduced(*extremes[:, :number].view(2, batch, units), *sums[:, :number].view(3, batch, units))


def _has_channels_last(maps: Tensor) -> bool:
    """Whether maps lie in memory as (B, positions, C), as `torchcaffe.network.Network` leaves them."""
    last = maps.ndim == 4 and maps.is_contiguous(memory_format=torch.channels_last)
    return last and not maps.is_contiguous() and maps.device.type == "cpu"


def _reduce_images(maps: Tensor) -> Reduced:
    """Reduce maps with their channels last, image by image: another order in memory would take as long as the rest."""
    batch, units = maps.shape[:2]
    images = maps.permute(0, 2, 3, 1).reshape(batch, -1, units)
    reduce = _Piece(images.shape[1:], maps.device)
    extremes = torch.empty(2, batch, units, dtype=torch.float32)
    sums = torch.empty(3, batch, units, dtype=torch.float64)
    for index, image in enumerate(images):
        reduce(image, 0, extremes[:, index], sums[:, index])
    return Reduced(*extremes, *sums)


class _Piece:
    """Reduces one piece after the other in the same memory.

    Parameters
    ----------
    shape : of the largest piece.
    device : where the maps are.
    """

    def __init__(self, shape: Sequence[int], device: torch.device) -> None:
        self._wide = torch.empty(*shape, dtype=torch.float64, device=device)
        self._flags = torch.empty(*shape, dtype=torch.float32, device=device)

    def __call__(self, part: Tensor, positions: int, extremes: Tensor, sums: Tensor) -> None:
        """Reduce over the axis of ``positions`` into (2, …) maximum and minimum and (3, …) sums."""
        copy, flags = self._wide[: len(part)], self._flags[: len(part)]
        torch.sum(copy.copy_(part), positions, out=sums[0])
        torch.sum(copy.square_(), positions, out=sums[1])
        torch.amax(part, positions, out=extremes[0])
        torch.amin(part, positions, out=extremes[1])
        sums[2] = torch.eq(part, 0, out=flags).sum(positions)


def _two_or_more(rows: Tensor) -> Tensor:
    """Double a single row: torch shares the sum of one among its threads, which rounds otherwise than beside others."""
    return rows.expand(2, -1) if len(rows) == 1 else rows


def mean_maps(maps: Tensor) -> Tensor:
    """(B, C) float64 means of (B, C, …) float32 maps over their positions."""
    batch, units = maps.shape[:2]
    rows = _two_or_more(maps.reshape(batch * units, -1))
    return rows.mean(1, dtype=torch.float64)[: batch * units].view(batch, units)


def first_maximum(rows: Tensor) -> Tensor:
    """Index of the first maximum of every row of (n, positions); NumPy's is ten times as fast on a CPU."""
    if rows.device.type != "cpu":
        return rows.argmax(1)
    return torch.from_numpy(rows.numpy().argmax(1))


def first_minimum(rows: Tensor) -> Tensor:
    """Index of the first minimum of every row of (n, positions)."""
    if rows.device.type != "cpu":
        return rows.argmin(1)
    return torch.from_numpy(rows.numpy().argmin(1))


class Moments:
    """Sums, sums of squares, extremes and zeros of C units over all images and positions.

    Sums are exact, so that the result depends neither on batches nor on their order.

    Parameters
    ----------
    totals : what it starts from.
    device : where the maps are.
    """

    def __init__(self, totals: Totals, device: torch.device) -> None:
        self.sums, self.squares = (
            ExactSums(torch.from_numpy(limbs.copy()).to(device)) for limbs in (totals.sums, totals.squares)
        )
        self.zeros, self.min, self.max = (
            torch.from_numpy(array.copy()).to(device) for array in (totals.zeros, totals.min, totals.max)
        )

    def update(self, parts: Sequence[Reduced]) -> None:
        """Add a batch: what it gives for every layer."""
        self.sums.add(torch.cat([part.sum for part in parts], 1))
        self.squares.add(torch.cat([part.squares for part in parts], 1))
        self.zeros += torch.cat([part.zeros.sum(0) for part in parts]).to(torch.int64)
        self.min = torch.minimum(self.min, torch.cat([part.min.amin(0) for part in parts]))
        self.max = torch.maximum(self.max, torch.cat([part.max.amax(0) for part in parts]))
