"""A U-Net (Ronneberger et al. 2015): a map of classes for pictures of any size.

convert_pytorch_to_caffe --module examples.nets.unet:make --random-weights --input-shape 1,3,64,64 --out build/unet
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Two convolutions with batch normalisation."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Down by pooling, up by bilinear growth or transposed convolution, and across by concatenation.

    Parameters
    ----------
    classes : of each pixel.
    width : channels of the first block; each block further down has twice as many.
    """

    def __init__(self, classes: int = 4, width: int = 8) -> None:
        super().__init__()
        self.first = block(3, width)
        self.second = block(width, 2 * width)
        self.third = block(2 * width, 4 * width)
        self.up_second = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.back_second = block(4 * width, 2 * width)
        self.back_first = block(3 * width, width)
        self.scores = nn.Conv2d(width, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Scores (N, classes, H, W) of images (N, 3, H, W); H and W are multiples of 4."""
        first = self.first(images)
        second = self.second(F.max_pool2d(first, 2))
        third = self.third(F.max_pool2d(second, 2))
        second = self.back_second(torch.cat([second, self.up_second(third)], 1))
        grown = F.interpolate(second, scale_factor=2, mode="bilinear", align_corners=False)
        return self.scores(self.back_first(torch.cat([first, grown], 1)))


def make() -> nn.Module:
    """The net for the converter."""
    return UNet()
