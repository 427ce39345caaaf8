"""Images per second of a scan beside the bare forward pass: ``python benchmarks/bench_scan.py [--device cuda]``.

Pictures are random and in memory already. The plain scan keeps the best images with their positions, the means table,
mean, standard deviation, extremes and zeros of every layer, preprocesses the pictures and writes its file; what else
can be kept is timed one by one beside it. The promises: merging the best images of CaffeNet's 11,568 channels takes at
most 0.2 ms an image (the old toolbox: 19 ms), and a plain scan keeps 0.85 (AlexNet, CaffeNet) or 0.7 (SqueezeNet) of
the images per second of the bare forward pass. On a machine that does other work too, the processor time of the process
is the number to look at, and ``OMP_NUM_THREADS`` should be that of the free cores.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
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
PLAIN = {"bottom": False, "quantiles": False}
EXTRAS = {
    "bottom": {"bottom": True},
    "quantiles": {"quantiles": True},
    "before": {"before": True},
    "correlation": {"correlation": True},
    "histograms": {"histograms": True},
    "classes": {},
    "importance": {"importance": True},
}
CLASSES = 10


@dataclass(frozen=True)
class InMemory:
    """Random pictures that need no decoding."""

    pictures: np.ndarray
    classes: int = 0
    root: Path = Path()
    hash: str = ""

    @property
    def paths(self) -> list[str]:
        """Numbers for names."""
        return [str(number) for number in range(len(self.pictures))]

    @property
    def labels(self) -> np.ndarray:
        """In turn; none is known if there are no classes."""
        numbers = np.arange(len(self.pictures), dtype=np.int32)
        return numbers % self.classes if self.classes else np.full_like(numbers, -1)

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


@dataclass(frozen=True)
class Time:
    """Seconds on the clock, and of the processor's cores."""

    clock: float
    cores: float


def timed(work: Callable[[], object], device: torch.device) -> Time:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    clock, cores = perf_counter(), process_time()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return Time(perf_counter() - clock, process_time() - cores)


def best(times: Sequence[Time]) -> Time:
    return Time(min(time.clock for time in times), min(time.cores for time in times))


def timed_scan(model: Model, source: InMemory, batch: int, device: torch.device, **options: bool) -> Time:
    with tempfile.TemporaryDirectory() as folder:
        work = scan(model, source, Path(folder) / "scan.h5", batch=batch, device=str(device), **PLAIN | options)
        next(work)  # loads and hashes the weights, once for any number of images
        return timed(partial(with_bar, work, quiet=True), device)


def compare(name: str, images: int, batch: int, device: torch.device, repeats: int) -> None:
    model = random_model(name)
    channels, height, width = model.input_shape
    pixels = np.random.default_rng(0).integers(0, 256, (images, height, width, channels), dtype=np.uint8)
    network = model.network(device)
    blobs = torch.from_numpy(np.stack([model.to_blob(picture) for picture in pixels])).to(device)
    last = list(model.unit_layers.values())[-1].value

    @torch.inference_mode()
    def forward() -> None:
        for part in blobs.split(batch):
            network.run({model.input.blob: part}, keep=[last])[last].sum().item()

    forward()
    bare: list[Time] = []
    plain: list[Time] = []
    extras: dict[str, list[Time]] = {extra: [] for extra in EXTRAS}
    for _ in range(repeats):
        bare.append(timed(forward, device))
        plain.append(timed_scan(model, InMemory(pixels), batch, device))
        for extra, options in EXTRAS.items():
            source = InMemory(pixels, CLASSES if extra == "classes" else 0)
            extras[extra].append(timed_scan(model, source, batch, device, **options))
    alone, full = best(bare), best(plain)
    units = sum(layer.units for layer in model.unit_layers.values())
    print(
        f"{name:12} {units:6} units   forward {images / alone.clock:8.1f} images/s   scan {images / full.clock:8.1f}"
        f" images/s   ratio {alone.clock / full.clock:.2f} by the clock, {alone.cores / full.cores:.2f} by the cores"
    )
    for extra, times in extras.items():
        more = best(times)
        clock, cores = (1000 * (a - b) / images for a, b in ((more.clock, full.clock), (more.cores, full.cores)))
        print(f"    {extra:12} {clock:+8.2f} ms an image by the clock, {cores:+8.2f} by the cores")


def merging(images: int, batch: int, device: torch.device) -> None:
    maxima = torch.rand(images, CAFFENET_CHANNELS, device=device)

    def nowhere(units: Tensor, rows: Tensor) -> Tensor:
        return torch.zeros_like(units)

    def merge() -> None:
        images_kept = TopImages(CAFFENET_CHANNELS, 9, device)
        numbers = torch.arange(images, device=device)
        for part, own in zip(maxima.split(batch), numbers.split(batch), strict=True):
            images_kept.update(part, own, nowhere)

    merge()
    taken = best([timed(merge, device) for _ in range(3)])
    clock, cores = (1000 * seconds / images for seconds in (taken.clock, taken.cores))
    print(
        f"merging the best 9 of {CAFFENET_CHANNELS} channels: {clock:.3f} ms an image by the clock, {cores:.3f} by the"
        f" cores ({images} images)"
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
