"""Train the bundled baselines: a small AlexNet for indoor scenes and one for flowers.

Writes, for each, a folder ``models/NAME/`` with ``weights.safetensors`` (half precision), ``classes.txt`` and
``model.json`` (architecture, preprocessing, accuracy, how it was trained). A run that was stopped goes on from its last
epoch. The pictures are research data that do not belong to this project; the weights are our own.

    python tools/train_baselines.py indoor39 flowers96 --data ../shared/data
"""

from __future__ import annotations

import json
import math
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
import tyro
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from tqdm import tqdm

from converters.architectures import AlexNet64
from prototxt.common.atomic import atomic_path, write_bytes, write_text
from prototxt.common.errors import FormatError, errors_as_sentences

CROP = 63
BATCH = 128


@dataclass(frozen=True)
class Recipe:
    """Where a baseline's pictures are and how long and hard it is trained."""

    archive: str
    epochs: int
    learning_rate: float = 0.08
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    dropout: float = 0.4


RECIPES = {
    "indoor39": Recipe("scenes_indoor39_64.tar", epochs=72),
    "flowers96": Recipe("flowers96_64.tar", epochs=120),
}


@dataclass(frozen=True)
class Pictures:
    """One split of a data set: pixels (N, 3, 64, 64) uint8 RGB, labels (N,) int64, class names in label order."""

    pixels: Tensor
    labels: Tensor
    classes: tuple[str, ...]


def read_pictures(archive: Path, split: str) -> Pictures:
    """Decode one split (``train`` or ``test``) of an archive whose members are ``*/split/class/picture.jpg``.

    Raises
    ------
    FormatError : if the archive is missing.
    """
    if not archive.is_file():
        raise FormatError(f"{archive}: there is no such archive; say with --data where the research data are")
    pixels, names = [], []
    with tarfile.open(archive) as tar:
        members = [m for m in tar if m.isfile() and m.name.endswith(".jpg") and f"/{split}/" in m.name]
        for member in sorted(members, key=lambda m: m.name):
            data = np.frombuffer(tar.extractfile(member).read(), np.uint8)
            pixels.append(cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1].transpose(2, 0, 1).copy())
            names.append(Path(member.name).parent.name)
    classes = tuple(sorted(set(names)))
    labels = torch.tensor([classes.index(name) for name in names])
    return Pictures(torch.from_numpy(np.stack(pixels)), labels, classes)


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation of each channel, for RGB pixels in 0-1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, pixels: Tensor) -> Normalisation:
        """Those of a data set, (N, 3, H, W) uint8, to four digits."""
        values = pixels.double().div_(255).transpose(0, 1).flatten(1)
        mean, std = (tuple(round(v, 4) for v in column.tolist()) for column in (values.mean(1), values.std(1)))
        return cls(mean, std)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Normalise pixels in 0-1, (N, 3, H, W)."""
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (self.mean, self.std))
        return (pixels - mean) / std


def augment(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Random zoomed crops, mirrored half the time, with brightness and contrast changed a little.

    Parameters
    ----------
    pixels : (N, 3, 64, 64), 0-1.
    generator : of everything random.

    Returns
    -------
    (N, 3, CROP, CROP), about 0-1.
    """
    count = len(pixels)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    zoom, stretch = uniform(0.5, 1.0).sqrt(), uniform(-0.2, 0.2).exp()
    width, height = (zoom * stretch).clamp(max=1), (zoom / stretch).clamp(max=1)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    rows = torch.stack([width * mirror, torch.zeros(count), uniform(-1, 1) * (1 - width)], 1)
    columns = torch.stack([torch.zeros(count), height, uniform(-1, 1) * (1 - height)], 1)
    grid = functional.affine_grid(torch.stack([rows, columns], 1), [count, 3, CROP, CROP], align_corners=False)
    crops = functional.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False)
    contrast, brightness = uniform(0.75, 1.3).view(-1, 1, 1, 1), uniform(-0.1, 0.1).view(-1, 1, 1, 1)
    middle = crops.mean((1, 2, 3), keepdim=True)
    return (crops - middle) * contrast + middle + brightness


def batches(pictures: Pictures, epoch: int, normalise: Normalisation) -> Iterator[tuple[Tensor, Tensor]]:
    """Augmented, normalised batches of one epoch in an order that the epoch's number alone decides."""
    generator = torch.Generator().manual_seed(epoch)
    for chosen in torch.randperm(len(pictures.labels), generator=generator).split(BATCH):
        crops = augment(pictures.pixels[chosen].float() / 255, generator)
        yield normalise(crops).contiguous(memory_format=torch.channels_last), pictures.labels[chosen]


@torch.inference_mode()
def accuracy(model: nn.Module, pictures: Pictures, normalise: Normalisation) -> float:
    """Share of the pictures whose best class is right, from one centre crop in full precision; 0-1."""
    model.eval()
    right = 0
    for pixels, labels in zip(pictures.pixels.split(256), pictures.labels.split(256), strict=True):
        right += int((model(normalise(pixels[:, :, :CROP, :CROP].float() / 255)).argmax(1) == labels).sum())
    return right / len(pictures.labels)


def with_batch_norm(model: AlexNet64) -> AlexNet64:
    """The same network with batch normalisation after every hidden layer, with which it learns far faster."""
    for part in (model.features, model.classifier):
        layers: list[nn.Module] = []
        for layer in part:
            layers.append(layer)
            if isinstance(layer, nn.Conv2d):
                layers.append(nn.BatchNorm2d(layer.out_channels))
            elif isinstance(layer, nn.Linear) and layer is not model.classifier[-1]:
                layers.append(nn.BatchNorm1d(layer.out_features))
        part._modules = {str(index): layer for index, layer in enumerate(layers)}
    return model


def without_batch_norm(model: nn.Module, num_classes: int) -> AlexNet64:
    """The plain AlexNet that computes the same in evaluation: each normalisation folded into the layer before it."""
    plain = AlexNet64(num_classes)
    for source, target in ((model.features, plain.features), (model.classifier, plain.classifier)):
        learned = [layer for layer in source if isinstance(layer, nn.Conv2d | nn.Linear)]
        norms = [layer for layer in source if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
        homes = [layer for layer in target if isinstance(layer, nn.Conv2d | nn.Linear)]
        for index, (layer, home) in enumerate(zip(learned, homes, strict=True)):
            if index < len(norms):
                fuse = fuse_conv_bn_eval if isinstance(layer, nn.Conv2d) else fuse_linear_bn_eval
                layer = fuse(layer, norms[index])
            home.load_state_dict(layer.state_dict())
    return plain.eval()


class Training:
    """A network on its way, with its optimiser and schedule: all that a run which was stopped needs to go on.

    Parameters
    ----------
    recipe : how long and hard.
    classes : how many.
    steps : batches of one epoch.
    """

    def __init__(self, recipe: Recipe, classes: int, steps: int) -> None:
        torch.manual_seed(0)
        self.recipe, self.epoch = recipe, 0
        self.model = with_batch_norm(AlexNet64(classes, dropout=recipe.dropout)).to(memory_format=torch.channels_last)
        for layer in self.model.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
        rate, decay = recipe.learning_rate, recipe.weight_decay
        self.optimizer = torch.optim.SGD(self.model.parameters(), rate, momentum=0.9, nesterov=True, weight_decay=decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, rate, total_steps=recipe.epochs * steps, pct_start=0.05
        )

    def run_epoch(self, pictures: Pictures, normalise: Normalisation) -> float:
        """Learn from every picture once; gives the mean loss."""
        self.model.train()
        losses = []
        for images, labels in batches(pictures, self.epoch, normalise):
            with torch.autocast("cpu", torch.bfloat16):
                scores = self.model(images)
            loss = functional.cross_entropy(scores.float(), labels, label_smoothing=self.recipe.label_smoothing)
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            self.optimizer.step()
            self.schedule.step()
            losses.append(loss.item())
        self.epoch += 1
        return float(np.mean(losses))

    def save(self, path: Path) -> None:
        """Write the state, whole or not at all."""
        parts = {"model": self.model, "optimizer": self.optimizer, "schedule": self.schedule}
        with atomic_path(path) as temporary:
            torch.save({name: part.state_dict() for name, part in parts.items()} | {"epoch": self.epoch}, temporary)

    def load(self, path: Path) -> None:
        """Go on from a state that was saved."""
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.epoch = state["epoch"]


def train(name: str, recipe: Recipe, data: Path, out: Path) -> None:
    """Train one baseline, or finish training it, and write its folder.

    Raises
    ------
    FormatError : if the archive of pictures is not in ``data``, or the folder cannot be written.
    """
    train_set, test_set = (read_pictures(data / recipe.archive, split) for split in ("train", "test"))
    normalise = Normalisation.of(train_set.pixels)
    training = Training(recipe, len(train_set.classes), math.ceil(len(train_set.labels) / BATCH))
    checkpoint = out / name / "training.pt"
    if checkpoint.exists():
        training.load(checkpoint)
    for epoch in tqdm(range(training.epoch, recipe.epochs), initial=training.epoch, total=recipe.epochs, desc=name):
        loss = training.run_epoch(train_set, normalise)
        if (epoch + 1) % 10 == 0 or epoch + 1 == recipe.epochs:
            training.save(checkpoint)
            reached = accuracy(training.model, test_set, normalise)
            tqdm.write(f"{name} epoch {epoch + 1}: loss {loss:.3f}, test accuracy {reached:.4f}")
    plain = without_batch_norm(training.model.eval(), len(train_set.classes))
    write_model(out / name, recipe, plain, (train_set, test_set), normalise)
    checkpoint.unlink()


def write_model(
    folder: Path, recipe: Recipe, model: AlexNet64, sets: tuple[Pictures, Pictures], normalise: Normalisation
) -> None:
    """Write the folder of a trained baseline; the accuracy is that of the rounded weights that are shipped.

    Parameters
    ----------
    folder : its name is the model's.
    recipe, normalise : how the model was trained.
    model : without batch normalisation; its weights are rounded to half precision.
    sets : the training pictures, and the test pictures.
    """
    rounded = {key: value.half().contiguous() for key, value in model.state_dict().items()}
    model.load_state_dict({key: value.float() for key, value in rounded.items()})
    train_set, test_set = sets
    description = {
        "name": folder.name,
        "arch": "alexnet64",
        "input_shape": [1, 3, CROP, CROP],
        "mean": normalise.mean,
        "std": normalise.std,
        "train_images": len(train_set.labels),
        "test_images": len(test_set.labels),
        "train_accuracy": round(accuracy(model, train_set, normalise), 4),
        "test_accuracy": round(accuracy(model, test_set, normalise), 4),
        "chance": round(1 / len(train_set.classes), 4),
        "epochs": recipe.epochs,
        "batch": BATCH,
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
        "label_smoothing": recipe.label_smoothing,
        "dropout": recipe.dropout,
        "trained_by": "tools/train_baselines.py",
    }
    write_bytes(folder / "weights.safetensors", save(rounded))
    write_text(folder / "classes.txt", "".join(f"{c}\n" for c in train_set.classes))
    write_text(folder / "model.json", json.dumps(description, indent=2) + "\n")


def main(
    names: Annotated[tuple[str, ...], tyro.conf.Positional] = tuple(RECIPES),
    data: Path = Path("../shared/data"),
    out: Path = Path("models"),
) -> None:
    """Train the named baselines one after the other."""
    with errors_as_sentences("train_baselines"):
        for name in names:
            if name not in RECIPES:
                raise FormatError(f"there is no baseline {name!r}; there are {', '.join(RECIPES)}")
            train(name, RECIPES[name], data, out)


if __name__ == "__main__":
    tyro.cli(main)
