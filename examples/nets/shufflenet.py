"""A net of units that split, shuffle and join channels (ShuffleNet v2, Ma et al. 2018).

convert_pytorch_to_caffe --module examples.nets.shufflenet:make --random-weights --input-shape 1,3,64,64 --out build/sh
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Unit(nn.Module):
    """Half of the channels go through three convolutions, the other half past them; then both are shuffled."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.branch = nn.Sequential(
            nn.Conv2d(half, half, 1),
            nn.BatchNorm2d(half),
            nn.ReLU(),
            nn.Conv2d(half, half, 3, padding=1, groups=half),
            nn.BatchNorm2d(half),
            nn.Conv2d(half, half, 1),
            nn.ReLU(),
        )
        self.shuffle = nn.ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        kept, changed = x.chunk(2, 1)
        return self.shuffle(torch.cat([kept, self.branch(changed)], 1))


def make() -> nn.Module:
    """The net for the converter: scores of 10 classes."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
        Unit(16),
        Unit(16),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 10),
    )
