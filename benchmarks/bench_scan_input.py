"""What limits a scan, decoding or the forward pass: ``python benchmarks/bench_scan_input.py [--device cuda]``.

JPEG files are decoded and prepared alone, the same pictures are scanned from memory, where nothing is left to decode,
and then a scan does both. Decoding overlaps with the net: the scan should take little more than the longer of the two,
not their sum. That needs a core for each: on a CPU, ``OMP_NUM_THREADS`` and ``--workers`` must fit them.
"""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
import tyro
from bench_scan import InMemory, Time, in_turn, middle, random_model, timed

from deepvis.model.model import Model, pick_device
from deepvis.scan.run import scan
from deepvis.sources import Images, ImageSource, open_images
from deepvis.sources.loader import batches
from prototxt.common.heap import keep_freed_memory
from prototxt.common.progress import with_bar


def write_pictures(folder: Path, count: int, height: int, width: int) -> None:
    """JPEG files with something in them: smooth noise of several sizes."""
    random = np.random.default_rng(0)
    folder.mkdir()
    for number in range(count):
        noise = [cv2.resize(random.uniform(0, 255, (size, size, 3)), (width, height)) for size in (4, 16, 64)]
        cv2.imwrite(str(folder / f"{number:05d}.jpg"), np.mean(noise, 0).astype(np.uint8))


def decoding(images: Images, model: Model, batch: int, workers: int) -> None:
    for _ in batches(images, model.to_blob, batch, workers):
        pass


def whole_scan(model: Model, images: ImageSource, batch: int, workers: int, device: torch.device) -> Time:
    with tempfile.TemporaryDirectory() as folder:
        work = scan(model, images, Path(folder) / "scan.h5", batch=batch, workers=workers, device=str(device))
        next(work)  # loads and hashes the weights
        return timed(partial(with_bar, work, quiet=True), device)


def main(
    net: str = "squeezenet",
    images: int = 256,
    batch: int = 32,
    device: str = "auto",
    workers: int = 1,
    height: int = 768,
    width: int = 1024,
    repeats: int = 7,
) -> None:
    """Time decoding, the net and a scan of the same JPEG files.

    Parameters
    ----------
    net : a template of `prototxt.templates`, with random weights.
    images, height, width : JPEG files, made for this.
    workers : decoding threads.
    """
    keep_freed_memory()  # as the commands do
    place = pick_device(device)
    model = random_model(net)
    sides = model.input_shape[1:]
    model = model.with_preprocessing(resize="stretch", resize_to=sides)
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(Path(folder) / "pictures", images, height, width)
        source = open_images(Path(folder) / "pictures")
        size = (sides[1], sides[0])
        ready = InMemory(np.stack([cv2.resize(source.read(number), size) for number in range(images)]))
        works = {
            "decoding": lambda: timed(partial(decoding, source, model, batch, workers), place),
            "computing": lambda: whole_scan(model, ready, batch, workers, place),
            "scan": lambda: whole_scan(model, source, batch, workers, place),
        }
        times = {name: middle(taken).clock for name, taken in in_turn(works, repeats).items()}
    print(
        f"{net} on {place}, {torch.get_num_threads()} threads, {workers} for decoding, {os.cpu_count()} cores, load"
        f" {os.getloadavg()[0]:.1f}; {images} JPEG files of {width} x {height}; medians of {repeats}"
    )
    for name, seconds in times.items():
        print(f"  {name:10} {images / seconds:8.1f} images/s")
    limit = max(("decoding", "computing"), key=times.__getitem__)
    longer, both = times[limit], times["decoding"] + times["computing"]
    hidden = (both - times["scan"]) / (both - longer)
    print(
        f"  limited by {'decoding' if limit == 'decoding' else 'the forward pass'}; the scan takes"
        f" {times['scan'] / longer:.2f} times as long as that alone; {hidden:.0%} of the shorter is hidden"
    )


if __name__ == "__main__":
    tyro.cli(main)
