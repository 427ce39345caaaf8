"""A siamese pair (Bromley et al. 1993): how far two pictures are apart. It has two inputs and shares its weights.

convert_pytorch_to_caffe --module examples.nets.siamese:make --random-weights \
    --input-shape first=1,1,28,28 --input-shape second=1,1,28,28 --out build/siamese
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class Siamese(nn.Module):
    """One small net for both pictures, and the distance of what it makes of them."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(256, 8),
        )

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Squared distances (N, 1) of pictures (N, 1, 28, 28)."""
        one, other = (F.normalize(self.features(images), dim=1) for images in (first, second))
        return (one - other).square().sum(1, keepdim=True)


def make() -> nn.Module:
    """The net for the converter."""
    return Siamese()
