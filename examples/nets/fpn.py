"""A feature pyramid (Lin et al. 2017): maps of one width at three sizes, as a dictionary.

convert_pytorch_to_caffe --module examples.nets.fpn:make --random-weights --input-shape 1,3,64,64 --out build/fpn
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class Pyramid(nn.Module):
    """Three stages down; on the way up, each is added to what comes from above.

    Parameters
    ----------
    width : channels of every map that it gives.
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        channels = (8, 16, 32)
        self.stages = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
            for inputs, outputs in zip((3, *channels), channels, strict=False)
        )
        self.across = nn.ModuleList(nn.Conv2d(outputs, width, 1) for outputs in channels)
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in channels)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Maps "p1", "p2", "p3" of a half, a quarter and an eighth of the size."""
        maps: list[Tensor] = []
        for stage in self.stages:
            images = F.relu(stage(images))
            maps.append(images)
        above = self.across[2](maps[2])
        pyramid = [above]
        for across, below in zip(self.across[1::-1], maps[1::-1], strict=True):
            above = across(below) + F.interpolate(above, scale_factor=2, mode="nearest")
            pyramid.append(above)
        return {f"p{3 - n}": smooth(each) for n, (smooth, each) in enumerate(zip(self.smooth, pyramid, strict=True))}


def make() -> nn.Module:
    """The net for the converter."""
    return Pyramid()
