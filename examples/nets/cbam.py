"""A net with attention over channels and places (CBAM, Woo et al. 2018).

convert_pytorch_to_caffe --module examples.nets.cbam:make --random-weights --input-shape 1,3,32,32 --out build/cbam
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """First every channel, then every place, times a factor between 0 and 1."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        self.shared = nn.Sequential(
            nn.Conv2d(channels, channels // reduction, 1), nn.ReLU(), nn.Conv2d(channels // reduction, channels, 1)
        )
        self.places = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        channels = self.shared(F.adaptive_avg_pool2d(x, 1)) + self.shared(F.adaptive_max_pool2d(x, 1))
        x = x * channels.sigmoid()
        places = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True).values], 1)
        return x * self.places(places).sigmoid()


def make() -> nn.Module:
    """The net for the converter: scores of 10 classes."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(inplace=True),
        Attention(16),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 16, 3, padding=1),
        Attention(16),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 10),
    )
