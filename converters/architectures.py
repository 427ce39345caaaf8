"""The PyTorch architectures that ``--arch NAME`` knows: torchvision's classifiers, and our small AlexNet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import torchvision
from torch import Tensor, nn

from converters.names import classic_names

Shapes = Mapping[str, tuple[int, ...]]


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


@dataclass(frozen=True)
class Architecture:
    """How to build a network by name.

    Parameters
    ----------
    build : makes the model; takes the shapes of the weights by name, empty for the usual size.
    names : makes the Caffe layer names by place in the model.
    input_shape : that the network was made for, batch first.
    mean, std : of the pixels in 0-1, RGB, that published weights were trained with.
    resize : shorter side of a picture before its centre is cut out; None for 256/224 of the crop.
    without_memory : whether it can be built on PyTorch's meta device, where weights take no memory and no time.
    """

    build: Callable[[Shapes], nn.Module]
    names: Callable[[nn.Module], dict[str, str]]
    input_shape: tuple[int, ...] = (1, 3, 224, 224)
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    resize: int | None = None
    without_memory: bool = True


def _torchvision(name: str, shapes: Shapes) -> nn.Module:
    """The network with as many classes as the last of its weights has outputs."""
    more = _MORE.get(name, {})
    model = torchvision.models.get_model(name, weights=None, **more)
    last = [key for key, value in model.state_dict().items() if value.ndim >= 2][-1]
    classes = shapes.get(last, (1000,))[0]
    return model if classes == 1000 else torchvision.models.get_model(name, weights=None, num_classes=classes, **more)


_MORE = {name: {"init_weights": False} for name in ("googlenet", "inception_v3")}
"""Arguments of networks: these two would warn that they take a minute to fill their weights."""


def _alexnet64(shapes: Shapes) -> nn.Module:
    return AlexNet64(
        num_classes=shapes.get("classifier.6.weight", (1000,))[0], width=shapes.get("classifier.4.weight", (512,))[0]
    )


_VGG = [f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")]

ARCHITECTURES: dict[str, Architecture] = {
    "alexnet": Architecture(partial(_torchvision, "alexnet"), partial(classic_names, by_stage=False)),
    "alexnet64": Architecture(
        _alexnet64,
        partial(classic_names, by_stage=False),
        input_shape=(1, 3, 63, 63),
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        resize=64,
    ),
    **{name: Architecture(partial(_torchvision, name), partial(classic_names, by_stage=True)) for name in _VGG},
}
"""Networks whose layers get the names that Caffe users know; see `architecture` for all that are known."""


@lru_cache
def architecture_names() -> tuple[str, ...]:
    """Every name that `architecture` knows: `ARCHITECTURES`, then torchvision's other classifiers."""
    others = torchvision.models.list_models(module=torchvision.models)
    return (*ARCHITECTURES, *(name for name in others if name not in ARCHITECTURES))


def architecture(name: str) -> Architecture | None:
    """The network called ``name``, or None; layers of torchvision's are called after their place in the model."""
    if name in ARCHITECTURES or name not in architecture_names():
        return ARCHITECTURES.get(name)
    pixels = _published(name).transforms()
    return Architecture(
        partial(_torchvision, name),
        lambda model: {},
        input_shape=(1, 3, *(pixels.crop_size * 2)),
        mean=tuple(pixels.mean),
        std=tuple(pixels.std),
        resize=pixels.resize_size[0],
        without_memory=not name.startswith("regnet"),  # these compute their widths with tensors
    )


def published_weights(name: str) -> torchvision.models.WeightsEnum | None:
    """What torchvision publishes for a network (``.url``, ``.meta["categories"]``); None where it is not its own."""
    return _published(name) if name in torchvision.models.list_models(module=torchvision.models) else None


def _published(name: str) -> torchvision.models.WeightsEnum:
    return next(iter(torchvision.models.get_model_weights(name)))  # the first: trained on the plain crops
