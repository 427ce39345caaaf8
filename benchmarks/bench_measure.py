"""Time and memory of measuring H: ``OMP_NUM_THREADS=2 python benchmarks/bench_measure.py [--images 100000]``.

A scan of AlexNet's five convolutions with made-up means is written once; each run opens it anew, in a process of its
own for the memory. The promise: 1152 filters and 100,000 images (461 MB) take at most 3 seconds, and the memory does
not grow with the images. The histograms of the same means are measured beside it.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import h5py
import numpy as np
import tyro

import entropy
from entropy.measuring import scan_layout as layout
from entropy.measuring.streaming import MeanHistograms

LAYERS = {"conv1": 64, "conv2": 192, "conv3": 384, "conv4": 256, "conv5": 256}
BLOCK = 2048
Sample = tuple[float, float, float]


def write_scan(path: Path, images: int) -> None:
    """Means as a ReLU leaves them: many zeros, the others gamma distributed, every filter on a scale of its own."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file.attrs.update({layout.FORMAT: layout.SCAN_FORMAT, layout.FORMAT_VERSION: layout.VERSION})
        layers = file.create_group(layout.LAYERS)
        layers.attrs[layout.NAMES] = list(LAYERS)
        for name, units in LAYERS.items():
            group = layers.create_group(name)
            group.attrs.update({layout.NAME: name, layout.TYPE: "Convolution", layout.UNITS: units})
            table = group.create_dataset(layout.MEANS_POST, (images, units), np.float32, chunks=(256, units))
            histograms, scale = MeanHistograms.nothing(units), rng.uniform(0.1, 1, units).astype(np.float32)
            for start in range(0, images, BLOCK):
                block = rng.standard_gamma(0.7, (min(BLOCK, images - start), units), np.float32) * scale
                block[block < 0.05] = 0
                table[start : start + BLOCK] = block
                histograms.add(block)
            names = layout.histograms_of(layout.MEANS_POST)
            group[names.counts], group[names.zeros] = histograms.counts, histograms.zeros
            group[names.extremes] = np.stack([histograms.min, histograms.max], axis=1)


def megabytes(what: str) -> float:
    """Memory of this process as Linux counts it: VmRSS is that of now, VmHWM the most there was."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:")) / 1024


def measure_once(path: Path, settings: dict[str, str], answer: multiprocessing.SimpleQueue[Sample]) -> None:
    """Measure, and give seconds, seconds of processors, and megabytes that the peak of memory grew by."""
    before = megabytes("VmRSS")
    start, busy = perf_counter(), process_time()
    entropy.measure(path, **settings)  # type: ignore[arg-type]
    answer.put((perf_counter() - start, process_time() - busy, megabytes("VmHWM") - before))


def main(images: int = 100_000, repeats: int = 7) -> None:
    """Print the medians.

    Parameters
    ----------
    images
        images of the larger scan; the smaller has a quarter.
    repeats
        runs of each, interleaved.
    """
    context = multiprocessing.get_context("spawn")
    variants = {"table": {}, "table, range of a neuron": {"scope": "neuron"}, "histograms": {"kept": "histograms"}}
    with tempfile.TemporaryDirectory() as folder:
        scans = {count: Path(folder) / f"{count}.h5" for count in (images // 4, images)}
        for count, path in scans.items():
            write_scan(path, count)
        samples: dict[tuple[str, int], list[Sample]] = {(what, count): [] for what in variants for count in scans}
        for _ in range(repeats):
            for (what, count), found in samples.items():
                answer: multiprocessing.SimpleQueue[Sample] = context.SimpleQueue()
                process = context.Process(target=measure_once, args=(scans[count], variants[what], answer))
                process.start()
                found.append(answer.get())
                process.join()
    for (what, count), found in samples.items():
        seconds, busy, grown = (median(column) for column in zip(*found, strict=True))
        print(
            f"{what}, {sum(LAYERS.values())} filters x {count} images: {seconds:.2f} s ({busy:.2f} s of processors), "
            f"memory grew by {grown:.0f} MB"
        )


if __name__ == "__main__":
    tyro.cli(main)
