"""Images per second of a scan beside the bare forward pass: ``python benchmarks/bench_scan.py [--device cuda]``.

The promises: merging the best images of CaffeNet's 11,568 channels takes at most 0.2 ms an image (the old toolbox: 19
ms); and on tensors in memory, the best images with their positions and the means table of every layer (mean, standard
deviation, extremes and zeros come with them) keep 0.85 (AlexNet, CaffeNet) or 0.7 (SqueezeNet) of the images per second
of the bare forward pass. It is the beginning of a scan that is timed, in which most units still find better images.

Then come whole scans, from pictures in memory (preprocessed in the scan) to the written file: a plain one, and what
every further statistic costs beside it. All runs alternate, and ratios and differences are medians of those of the
rounds. On a machine that does other work too, look at the processor time, with no more threads (``OMP_NUM_THREADS``)
than cores that are free.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Annotated

import numpy as np
import torch
import tyro
from torch import Tensor

from deepvis.model.model import Model, pick_device
from deepvis.scan.head import Wanted
from deepvis.scan.run import scan
from deepvis.scan.top_images import TopImages
from deepvis.scan.totals import Totals
from deepvis.scan.unit_pass import UnitPass
from deepvis.sources.loader import Loaded
from prototxt.common.heap import keep_freed_memory
from prototxt.common.progress import with_bar
from prototxt.net.shapes import infer_shapes
from prototxt.pixels.preprocess import Preprocessing
from prototxt.templates import read_template

CAFFENET_CHANNELS = 11_568
MERGE_PROMISE = 0.2  # ms an image
PROMISES = {"alexnet": 0.85, "caffenet": 0.85, "squeezenet": 0.7}
PLAIN = {"bottom": False, "quantiles": False, "before": False}
EXTRAS = {
    "means before the activation": {"before": True},
    "least values": {"bottom": True},
    "maxima and samples at quantiles": {"quantiles": True},
    "classes": {},
    "histograms": {"histograms": True},
    "correlation": {"correlation": True},
    "importance": {"importance": True},
}
CLASSES = 10


@dataclass(frozen=True)
class InMemory:
    """Random pictures that need no decoding."""

    pictures: np.ndarray
    labelled: int = 0
    root: Path = Path()
    hash: str = ""
    classes: tuple[str, ...] = ()

    @property
    def paths(self) -> list[str]:
        """Numbers for names."""
        return [str(number) for number in range(len(self.pictures))]

    @property
    def labels(self) -> np.ndarray:
        """In turn; none is known if there are no classes."""
        numbers = np.arange(len(self.pictures), dtype=np.int32)
        return numbers % self.labelled if self.labelled else np.full_like(numbers, -1)

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

    def per_image(self, images: int) -> str:
        """Both in milliseconds."""
        return f"{1000 * self.clock / images:7.2f} ms by the clock, {1000 * self.cores / images:7.2f} by the cores"


def timed(work: Callable[[], object], device: torch.device) -> Time:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    clock, cores = perf_counter(), process_time()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return Time(perf_counter() - clock, process_time() - cores)


def middle(times: Sequence[Time]) -> Time:
    return Time(median(time.clock for time in times), median(time.cores for time in times))


def ratio(ones: Sequence[Time], others: Sequence[Time]) -> Time:
    """Medians of the rounds' ratios."""
    return middle([Time(a.clock / b.clock, a.cores / b.cores) for a, b in zip(ones, others, strict=True)])


def more(ones: Sequence[Time], others: Sequence[Time]) -> Time:
    """Medians of the rounds' differences."""
    return middle([Time(a.clock - b.clock, a.cores - b.cores) for a, b in zip(ones, others, strict=True)])


def in_turn(works: dict[str, Callable[[], Time]], repeats: int) -> dict[str, list[Time]]:
    """Times of several pieces of work, one after the other, again and again; the first round does not count."""
    times: dict[str, list[Time]] = {name: [] for name in works}
    for _ in range(repeats + 1):
        for name, work in works.items():
            times[name].append(work())
    return {name: taken[1:] for name, taken in times.items()}


def merging(images: int, batch: int, device: torch.device, repeats: int) -> None:
    maxima = torch.rand(images, CAFFENET_CHANNELS, device=device)

    def nowhere(units: Tensor, rows: Tensor) -> Tensor:
        return torch.zeros_like(units)

    def merge() -> None:
        images_kept = TopImages(CAFFENET_CHANNELS, 9, device)
        numbers = torch.arange(images, device=device)
        for part, own in zip(maxima.split(batch), numbers.split(batch), strict=True):
            images_kept.update(part, own, nowhere)

    taken = middle(in_turn({"merge": partial(timed, merge, device)}, repeats)["merge"])
    print(
        f"merging the best 9 of {CAFFENET_CHANNELS} channels, {images} images: {taken.per_image(images)}"
        f" (promise {MERGE_PROMISE:g})"
    )


def on_tensors(model: Model, images: int, batch: int, device: torch.device, repeats: int) -> None:
    """The bare forward pass, and the pass that keeps the best images and the means, on the same blobs."""
    blobs = np.random.default_rng(0).normal(0, 60, (images, *model.input_shape)).astype(np.float32)
    source = InMemory(blobs)
    layers = list(model.unit_layers.values())
    units = sum(layer.units for layer in layers)
    wanted = Wanted(None, 9, ("means_post",), bottom=False)
    loaded = [Loaded(index, blob) for index, blob in enumerate(blobs)]
    one_pass = UnitPass(model, layers, Totals.nothing(units, wanted.top), wanted, device)

    @torch.inference_mode()
    def forward() -> None:
        for part in torch.from_numpy(blobs).split(batch):
            one_pass.network.run({model.input.blob: part.to(device)}, keep=[layers[-1].value])

    def keep() -> None:
        one_pass.top = TopImages(units, wanted.top, device)
        for start in range(0, images, batch):
            one_pass.add(loaded[start : start + batch], 0, source)

    works = {"forward": partial(timed, forward, device), "scan": partial(timed, keep, device)}
    times = in_turn(works, repeats)
    kept = ratio(times["forward"], times["scan"])
    print(f"{model.name}: {units} units, {images} images in batches of {batch}, on tensors in memory")
    print(f"  bare forward pass        {middle(times['forward']).per_image(images)}")
    print(f"  with best images, means  {middle(times['scan']).per_image(images)}")
    print(
        f"  {kept.clock:.2f} of its images per second by the clock, {kept.cores:.2f} by the cores (promise"
        f" {PROMISES.get(model.name, 0):g})"
    )


def timed_scan(model: Model, source: InMemory, batch: int, device: torch.device, **options: bool) -> Time:
    with tempfile.TemporaryDirectory() as folder:
        work = scan(model, source, Path(folder) / "scan.h5", batch=batch, device=str(device), **PLAIN | options)
        next(work)  # loads and hashes the weights, once for any number of images
        return timed(partial(with_bar, work, quiet=True), device)


def whole_scans(model: Model, images: int, batch: int, device: torch.device, repeats: int) -> None:
    """A plain scan to the written file, and what every further statistic costs beside it."""
    height, width = model.input_shape[1:]
    pixels = np.random.default_rng(0).integers(0, 256, (images, height, width, 3), dtype=np.uint8)
    works = {"plain": partial(timed_scan, model, InMemory(pixels), batch, device)}
    for extra, options in EXTRAS.items():
        source = InMemory(pixels, CLASSES if extra == "classes" else 0)
        works[extra] = partial(timed_scan, model, source, batch, device, **options)
    times = in_turn(works, repeats)
    print(f"  a whole plain scan       {middle(times['plain']).per_image(images)}")
    for extra in EXTRAS:
        print(f"    + {extra:32} {more(times[extra], times['plain']).per_image(images)}")


def main(
    nets: Annotated[tuple[str, ...], tyro.conf.Positional] = tuple(PROMISES),
    images: int = 128,
    batch: int = 32,
    device: str = "auto",
    repeats: int = 7,
    merged_images: int = 1024,
    extras: tuple[str, ...] = ("caffenet",),
) -> None:
    """Time the merging, the pass beside the bare forward pass, and whole scans.

    Parameters
    ----------
    nets : templates of `prototxt.templates`, with random weights.
    extras : those whose further statistics are timed too.
    """
    keep_freed_memory()  # as the commands do
    place = pick_device(device)
    load = os.getloadavg()[0]
    print(f"{place}, {torch.get_num_threads()} threads, {os.cpu_count()} cores, load {load:.1f}; medians of {repeats}")
    merging(merged_images, batch, place, repeats)
    for name in nets:
        model = random_model(name)
        on_tensors(model, images, batch, place, repeats)
        if name in extras:
            whole_scans(model, images, batch, place, repeats)


if __name__ == "__main__":
    tyro.cli(main)
