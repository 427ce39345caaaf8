"""Images per second of a scan beside the bare forward pass: ``python benchmarks/bench_scan.py [--device cuda]``.

Pictures are random and in memory already. The scan keeps everything (best images with positions, means table, mean,
standard deviation, extremes, zeros) of every layer, preprocesses the pictures and writes its file. The promises:
merging the best images of CaffeNet's 11,568 channels takes at most 0.2 ms an image (the old toolbox: 19 ms), and a scan
keeps 0.85 (AlexNet, CaffeNet) or 0.7 (SqueezeNet) of the images per second of the bare forward pass.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Annotated

import numpy as np
import torch
import tyro
from torch import Tensor

from deepvis.model import Model, pick_device
from deepvis.progress import with_bar
from deepvis.scan.run import scan
from deepvis.scan.top_images import TopImages
from prototxt.preprocess import Preprocessing
from prototxt.shapes import infer_shapes
from prototxt.templates import read_template

CAFFENET_CHANNELS = 11_568


@dataclass(frozen=True)
class InMemory:
    """Random pictures that need no decoding."""

    pictures: np.ndarray
    root: Path = Path()
    hash: str = ""

    @property
    def paths(self) -> list[str]:
        """Numbers for names."""
        return [str(number) for number in range(len(self.pictures))]

    @property
    def labels(self) -> np.ndarray:
        """None is known."""
        return np.full(len(self.pictures), -1, np.int32)

    def __len__(self) -> int:
        return len(self.pictures)

    def read(self, index: int) -> np.ndarray:
        """Give a picture."""
        return self.pictures[index]


def random_model(name: str) -> Model:
    net = read_template(name)
    random = np.random.default_rng(0)
    weights = {
        layer: [random.normal(0, np.prod(shape[1:]) ** -0.5, shape).astype(np.float32) for shape in shapes]
        for layer, shapes in infer_shapes(net).params.items()
        if shapes
    }
    return Model(name, Path(name), net, weights, Preprocessing(mean=(104.0, 117.0, 123.0)))


def seconds(work: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter() - start


def compare(name: str, images: int, batch: int, device: torch.device, repeats: int) -> None:
    model = random_model(name)
    channels, height, width = model.input_shape
    pixels = np.random.default_rng(0).integers(0, 256, (images, height, width, channels), dtype=np.uint8)
    source = InMemory(pixels)
    network = model.network(device)
    blobs = torch.from_numpy(np.stack([model.to_blob(picture) for picture in pixels])).to(device)
    last = list(model.unit_layers.values())[-1].value

    @torch.inference_mode()
    def forward() -> None:
        for part in blobs.split(batch):
            network.run({model.input.blob: part}, keep=[last])[last].sum().item()

    forward()
    bare, full = [], []
    for _ in range(repeats):
        bare.append(seconds(forward, device))
        with tempfile.TemporaryDirectory() as folder:
            work = scan(model, source, Path(folder) / "scan.h5", batch=batch, device=str(device))
            next(work)  # loads and hashes the weights, once for any number of images
            full.append(seconds(partial(with_bar, work, quiet=True), device))
    units = sum(layer.units for layer in model.unit_layers.values())
    print(
        f"{name:12} {units:6} units   forward {images / min(bare):8.1f} images/s"
        f"   scan {images / min(full):8.1f} images/s   ratio {min(bare) / min(full):.2f}"
    )


def merging(images: int, batch: int, device: torch.device) -> None:
    maxima = torch.rand(images, CAFFENET_CHANNELS, device=device)

    def nowhere(units: Tensor, rows: Tensor) -> Tensor:
        return torch.zeros_like(units)

    def merge() -> None:
        best = TopImages(CAFFENET_CHANNELS, 9, device)
        numbers = torch.arange(images, device=device)
        for part, own in zip(maxima.split(batch), numbers.split(batch), strict=True):
            best.update(part, own, nowhere)

    merge()
    taken = min(seconds(merge, device) for _ in range(3))
    print(
        f"merging the best 9 of {CAFFENET_CHANNELS} channels: {1000 * taken / images:.3f} ms an image ({images} images)"
    )


def main(
    nets: Annotated[tuple[str, ...], tyro.conf.Positional] = ("alexnet", "caffenet", "squeezenet"),
    images: int = 128,
    batch: int = 32,
    device: str = "auto",
    repeats: int = 3,
    merged_images: int = 1024,
) -> None:
    """Time the merging, and scans of the named templates beside their bare forward passes."""
    place = pick_device(device)
    print(f"device {place}, {torch.get_num_threads()} threads, batch {batch}, best of {repeats}")
    merging(merged_images, batch, place)
    for name in nets:
        compare(name, images, batch, place, repeats)


if __name__ == "__main__":
    tyro.cli(main)
