"""What a scan keeps of the maps of a layer: one pass over them, in pieces that stay in the cache."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

# Values reduced at once. On a CPU the float64 copy of a piece (512 kB) should stay in the cache, which makes the
# reduction some five times as fast; a GPU wants large pieces, and 512 MB of copy are the bound.
PIECE = {"cpu": 1 << 16}
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

    Sums and sums of squares are those of float64 copies. A NaN in a map is the maximum of that map.
    """
    batch, units = maps.shape[:2]
    rows = maps.reshape(batch * units, -1)
    positions = rows.shape[1]
    height = max(1, PIECE.get(maps.device.type, LARGE_PIECE) // positions)
    wide = torch.empty(min(height, len(rows)), positions, dtype=torch.float64, device=maps.device)
    is_zero = torch.empty(wide.shape, dtype=torch.float32, device=maps.device)
    extremes = torch.empty(2, len(rows), dtype=torch.float32, device=maps.device)
    sums = torch.empty(3, len(rows), dtype=torch.float64, device=maps.device)
    for start in range(0, len(rows), height):
        piece = slice(start, min(start + height, len(rows)))
        part = rows[piece]
        copy, flags = wide[: len(part)], is_zero[: len(part)]
        torch.amax(part, 1, out=extremes[0, piece])
        torch.amin(part, 1, out=extremes[1, piece])
        torch.sum(copy.copy_(part), 1, out=sums[0, piece])
        torch.sum(copy.square_(), 1, out=sums[1, piece])
        sums[2, piece] = torch.eq(part, 0, out=flags).sum(1)
    return Reduced(*extremes.view(2, batch, units), *sums.view(3, batch, units))


def first_maximum(rows: Tensor) -> Tensor:
    """Index of the first maximum of every row of (n, positions); NumPy's is ten times as fast on a CPU."""
    if rows.device.type != "cpu":
        return rows.argmax(1)
    return torch.from_numpy(rows.numpy().argmax(1))


class Moments:
    """Mean, standard deviation, extremes and share of zeros of C units over all images and positions.

    Images are added one after the other, so that the result does not depend on how they were batched.
    """

    def __init__(self, units: int, device: torch.device) -> None:
        self.sums = torch.zeros(3, units, dtype=torch.float64, device=device)
        self.min = torch.full((units,), torch.inf, dtype=torch.float32, device=device)
        self.max = torch.full((units,), -torch.inf, dtype=torch.float32, device=device)
        self.images = 0

    def update(self, reduced: Reduced) -> None:
        """Add a batch."""
        for sums in torch.stack([reduced.sum, reduced.squares, reduced.zeros], 1):
            self.sums += sums
        self.min = torch.minimum(self.min, reduced.min.amin(0))
        self.max = torch.maximum(self.max, reduced.max.amax(0))
        self.images += len(reduced.max)

    def statistics(self, positions: int) -> dict[str, Tensor]:
        """Give (C,) float64 each of mean, std (of the population), min, max, zeros (a share, 0 to 1).

        Parameters
        ----------
        positions : of one map of these units.
        """
        mean, square, zeros = (self.sums / (self.images * positions)).cpu()
        std = (square - mean.square()).clamp(min=0).sqrt()
        return {
            "mean": mean,
            "std": std,
            "min": self.min.double().cpu(),
            "max": self.max.double().cpu(),
            "zeros": zeros,
        }
