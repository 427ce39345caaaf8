"""Train the bundled baselines: a small AlexNet for indoor scenes and one for flowers.

Writes, for each, a folder ``models/NAME/`` with ``weights.safetensors`` (half precision), ``classes.txt`` and
``model.json`` (architecture, preprocessing, accuracy, how it was trained). A run that was stopped goes on from its last
epoch. The pictures are research data that do not belong to this project; the weights are our own.

    python tools/train_baselines.py indoor39 flowers96 --data ../shared/data
"""

from __future__ import annotations

import io
import json
import math
import os
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
    """Decode one split (``train`` or ``test``) of an archive whose members are ``*/split/class/picture.jpg``."""
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


def channel_statistics(pixels: Tensor) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel over a data set (N, 3, H, W) uint8, for pixels scaled to 0-1."""
    values = pixels.double().div_(255).transpose(0, 1).flatten(1)
    return [round(m, 4) for m in values.mean(1).tolist()], [round(s, 4) for s in values.std(1).tolist()]


def augment(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Random zoomed crops of ``CROP`` pixels, mirrored half the time, with brightness and contrast changed a little.

    Takes pixels in 0-1 of shape (N, 3, 64, 64) and returns (N, 3, CROP, CROP).
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


def batches(pictures: Pictures, epoch: int, mean: Tensor, std: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Augmented, normalised batches of one epoch in an order that the epoch's number alone decides."""
    generator = torch.Generator().manual_seed(epoch)
    for chosen in torch.randperm(len(pictures.labels), generator=generator).split(BATCH):
        crops = augment(pictures.pixels[chosen].float() / 255, generator)
        yield ((crops - mean) / std).contiguous(memory_format=torch.channels_last), pictures.labels[chosen]


@torch.inference_mode()
def accuracy(model: nn.Module, pictures: Pictures, mean: Tensor, std: Tensor) -> float:
    """Share of the pictures whose best class is right, from one centre crop in full precision."""
    model.eval()
    right = 0
    for pixels, labels in zip(pictures.pixels.split(256), pictures.labels.split(256), strict=True):
        crops = pixels[:, :, :CROP, :CROP].float() / 255
        right += int((model((crops - mean) / std).argmax(1) == labels).sum())
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


def train(name: str, recipe: Recipe, data: Path, out: Path) -> None:
    """Train one baseline, or finish training it, and write its folder."""
    train_set, test_set = (read_pictures(data / recipe.archive, split) for split in ("train", "test"))
    mean_list, std_list = channel_statistics(train_set.pixels)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (mean_list, std_list))
    torch.manual_seed(0)
    model = with_batch_norm(AlexNet64(len(train_set.classes), dropout=recipe.dropout)).to(
        memory_format=torch.channels_last
    )
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    optimizer = torch.optim.SGD(
        model.parameters(), recipe.learning_rate, momentum=0.9, nesterov=True, weight_decay=recipe.weight_decay
    )
    steps = math.ceil(len(train_set.labels) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.epochs * steps, pct_start=0.05
    )
    checkpoint = out / name / "training.pt"
    first = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        first = state["epoch"]
    for epoch in tqdm(range(first, recipe.epochs), initial=first, total=recipe.epochs, desc=name):
        model.train()
        losses = []
        for images, labels in batches(train_set, epoch, mean, std):
            with torch.autocast("cpu", torch.bfloat16):
                scores = model(images)
            loss = functional.cross_entropy(scores.float(), labels, label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        if (epoch + 1) % 10 == 0 or epoch + 1 == recipe.epochs:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch + 1}
            replace(checkpoint, state | {"schedule": schedule.state_dict()})
            tqdm.write(
                f"{name} epoch {epoch + 1}: loss {np.mean(losses):.3f}, "
                f"test accuracy {accuracy(model, test_set, mean, std):.4f}"
            )
    plain = without_batch_norm(model.eval(), len(train_set.classes))
    write_model(out / name, name, recipe, plain, train_set, test_set, mean_list, std_list)
    checkpoint.unlink()


def replace(path: Path, state: dict) -> None:
    """Write a training state whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    temporary = path.with_suffix(".part")
    temporary.write_bytes(buffer.getvalue())
    os.replace(temporary, path)


def write_model(
    folder: Path,
    name: str,
    recipe: Recipe,
    model: nn.Module,
    train_set: Pictures,
    test_set: Pictures,
    mean: list[float],
    std: list[float],
) -> None:
    """Write the folder of a trained baseline; the accuracy is that of the rounded weights that are shipped."""
    rounded = {key: value.half().contiguous() for key, value in model.state_dict().items()}
    model.load_state_dict({key: value.float() for key, value in rounded.items()})
    mean_tensor, std_tensor = (torch.tensor(values).view(1, 3, 1, 1) for values in (mean, std))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights.safetensors").write_bytes(save(rounded))
    (folder / "classes.txt").write_text("".join(f"{c}\n" for c in train_set.classes))
    description = {
        "name": name,
        "arch": "alexnet64",
        "input_shape": [1, 3, CROP, CROP],
        "mean": mean,
        "std": std,
        "train_images": len(train_set.labels),
        "test_images": len(test_set.labels),
        "train_accuracy": round(accuracy(model, train_set, mean_tensor, std_tensor), 4),
        "test_accuracy": round(accuracy(model, test_set, mean_tensor, std_tensor), 4),
        "chance": round(1 / len(train_set.classes), 4),
        "epochs": recipe.epochs,
        "batch": BATCH,
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
        "label_smoothing": recipe.label_smoothing,
        "dropout": recipe.dropout,
        "trained_by": "tools/train_baselines.py",
    }
    (folder / "model.json").write_text(json.dumps(description, indent=2) + "\n")


def main(
    names: Annotated[tuple[str, ...], tyro.conf.Positional] = tuple(RECIPES),
    data: Path = Path("../shared/data"),
    out: Path = Path("models"),
) -> None:
    """Train the named baselines one after the other."""
    for name in names:
        train(name, RECIPES[name], data, out)


if __name__ == "__main__":
    tyro.cli(main)
