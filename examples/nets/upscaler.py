"""A net that makes pictures three times as large (ESPCN, Shi et al. 2016).

convert_pytorch_to_caffe --module examples.nets.upscaler:make --random-weights --input-shape 1,3,32,32 --out build/up
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class Upscaler(nn.Module):
    """Three convolutions, then channels become pixels; what is learned is the difference to plain enlargement."""

    def __init__(self, factor: int = 3, width: int = 16) -> None:
        super().__init__()
        self.factor = factor
        self.body = nn.Sequential(
            nn.Conv2d(3, width, 5, padding=2, padding_mode="replicate"),
            nn.Tanh(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.Tanh(),
            nn.Conv2d(width, 3 * factor**2, 3, padding=1),
            nn.PixelShuffle(factor),
        )

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 3, 3 H, 3 W)."""
        return self.body(images) + F.interpolate(images, scale_factor=self.factor, mode="bicubic")


def make() -> nn.Module:
    """The net for the converter."""
    return Upscaler()
