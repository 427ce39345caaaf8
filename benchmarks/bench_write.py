"""How long planning and writing VGG-16 takes: 4224 filters, 138 million weights.

``python benchmarks/bench_write.py [rounds]``: weights and H are made up. The split and the plain caffemodel are 553 MB
each; how long a disk takes for them is the disk's affair: ``TMPDIR=/dev/shm`` leaves it out. Syncing is timed
apart from the rest.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np

from entropy import measure, plan, write
from entropy.measuring.scan_file import ScanTables
from prototxt.formats.schema import NetParameter
from prototxt.formats.text import write_message
from prototxt.formats.weights import Weights, read_weights, weights_hash, write_weights
from prototxt.net.build import layer
from prototxt.net.shapes import infer_shapes
from prototxt.split.layouts import unit_count
from prototxt.templates import read_template

IMAGES = 3000


def made_up_weights(net: NetParameter) -> Weights:
    rng = np.random.default_rng(0)
    shapes = infer_shapes(net).params
    return {
        name: [rng.standard_normal(shape, np.float32) * np.float32(0.01) for shape in blobs]
        for name, blobs in shapes.items()
    }


def made_up_scan(net: NetParameter, weights: Weights) -> ScanTables:
    rng = np.random.default_rng(0)
    units = {each.name: unit_count(each) for each in net.layer if each.type == "Convolution"}
    tables = {n: (rng.gamma(1, 1, (IMAGES, u)) * rng.uniform(0.05, 1, u)).astype(np.float32) for n, u in units.items()}
    return ScanTables(tables, model_hash=weights_hash(weights))


def training_net(net: NetParameter) -> NetParameter:
    shapes = {"shape": [{"dim": [1, 3, 224, 224]}, {"dim": [1]}]}
    layers = [layer("DummyData", "data", tops=["data", "label"], dummy_data_param=shapes)]
    layers += [each for each in net.layer if each.type not in ("Input", "Softmax")]
    layers.append(layer("SoftmaxWithLoss", "loss", [layers[-1].top[0], "label"]))
    return NetParameter(name=net.name, layer=layers)


class Stopwatch:
    """Adds up the time that a function takes."""

    def __init__(self, function: Callable[[int], None]) -> None:
        self.function = function
        self.seconds = 0.0

    def __call__(self, descriptor: int) -> None:
        """Call the function, and add the time."""
        start = time.perf_counter()
        self.function(descriptor)
        self.seconds += time.perf_counter() - start


def main(rounds: int = 7) -> None:
    net = read_template("vgg16")
    names = ("planning", "planning, processor time", "writing", "writing, processor time", "syncing")
    seconds: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        weights = made_up_weights(net)
        tables = made_up_scan(net, weights)
        write_weights(place / "vgg16.caffemodel", net, weights)
        write_message(place / "train_val.prototxt", training_net(net))
        del weights
        read_weights(place / "vgg16.caffemodel")  # into the page cache
        table = measure(tables)
        for _ in range(rounds):
            start, worked = time.perf_counter(), time.process_time()
            made = plan(table, 5)
            seconds["planning"].append(time.perf_counter() - start)
            seconds["planning, processor time"].append(time.process_time() - worked)
            syncing = Stopwatch(os.fsync)
            start, worked = time.perf_counter(), time.process_time()
            with mock.patch("prototxt.common.atomic.os.fsync", syncing):
                write(made, place / "train_val.prototxt", place / "vgg16.caffemodel", out=place / "run")
            seconds["writing"].append(time.perf_counter() - start - syncing.seconds)
            seconds["writing, processor time"].append(time.process_time() - worked)
            seconds["syncing"].append(syncing.seconds)
    print(f"| VGG-16, {len(table)} filters, method 5, 8 levels | s, median of {rounds} |\n|---|---|")
    for what, found in seconds.items():
        print(f"| {what} | {np.median(found):.2f} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
