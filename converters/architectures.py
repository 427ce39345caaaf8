"""The PyTorch architectures that ``--arch NAME`` knows: torchvision's AlexNet and VGG 11-19, and our small AlexNet."""

from __future__ import annotations

from torch import Tensor, nn


class AlexNet64(nn.Module):
    """torchvision's AlexNet convolutions (64-192-384-256-256) for pictures of 64 pixels.

    The first convolution has stride 2 and padding 4 instead of 4 and 2, so that a crop of 63 pixels gives maps of
    31, 15, 7 and 3: sizes at which PyTorch's floor rule and Caffe's ceil rule of pooling agree.

    Parameters
    ----------
    num_classes : outputs of the last layer, at least 1.
    width : outputs of each of the two hidden fully connected layers.
    dropout : probability, in [0, 1), with which a hidden value is dropped in training.

    References
    ----------
    Krizhevsky (2014), "One weird trick for parallelizing convolutional neural networks", which torchvision follows.
    """

    def __init__(self, num_classes: int = 1000, width: int = 512, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=2, padding=4),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(256 * 3 * 3, width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, num_classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Class scores (N, num_classes), before softmax, of normalised images (N, 3, 63, 63)."""
        return self.classifier(self.features(images).flatten(1))
