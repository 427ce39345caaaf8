"""Time to write and read the weights of AlexNet's size (61 M, 244 MB): ``python benchmarks/bench_weights.py``.

The promise (two cores): writing takes under 1 s without the fsync, reading under 1.5 s.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

import numpy as np

from prototxt.formats.schema import NetParameter
from prototxt.formats.solverstate import SolverState, read_solverstate, write_solverstate
from prototxt.formats.weights import Weights, read_weights, weights_hash, write_weights

SHAPES = {
    "conv1": [(64, 3, 11, 11), (64,)],
    "conv2": [(192, 64, 5, 5), (192,)],
    "conv3": [(384, 192, 3, 3), (384,)],
    "conv4": [(256, 384, 3, 3), (256,)],
    "conv5": [(256, 256, 3, 3), (256,)],
    "fc6": [(4096, 9216), (4096,)],
    "fc7": [(4096, 4096), (4096,)],
    "fc8": [(1000, 4096), (1000,)],
}


def alexnet() -> tuple[NetParameter, Weights]:
    net, rng = NetParameter(name="alexnet"), np.random.default_rng(0)
    for name in SHAPES:
        net.layer.add(name=name, type="Convolution" if name.startswith("conv") else "InnerProduct")
    weights = {name: [rng.random(s, np.float32) for s in shapes] for name, shapes in SHAPES.items()}
    return net, weights


def seconds(work: Callable[[], object], runs: int = 3) -> float:
    """Best of several runs."""
    times = []
    for _ in range(runs):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)


def measure(folder: Path) -> dict[str, float]:
    """Seconds by what was done; fsync is left out because it times the disk."""
    net, weights = alexnet()
    state = SolverState(1, history=[array for arrays in weights.values() for array in arrays])
    model, hdf5, snapshot = folder / "a.caffemodel", folder / "a.caffemodel.h5", folder / "a.solverstate"
    with patch.object(os, "fsync"):
        return {
            "write .caffemodel": seconds(lambda: write_weights(model, net, weights)),
            "read .caffemodel": seconds(lambda: read_weights(model)),
            "write .caffemodel.h5": seconds(lambda: write_weights(hdf5, net, weights)),
            "read .caffemodel.h5": seconds(lambda: read_weights(hdf5)),
            "write .solverstate": seconds(lambda: write_solverstate(snapshot, state)),
            "read .solverstate": seconds(lambda: read_solverstate(snapshot)),
            "hash": seconds(lambda: weights_hash(weights)),
        }


def main() -> None:
    count = sum(int(np.prod(shape)) for shapes in SHAPES.values() for shape in shapes)
    print(f"{count / 1e6:.1f} M weights, {count * 4 / 1e6:.0f} MB")
    with tempfile.TemporaryDirectory() as folder:
        for what, time in measure(Path(folder)).items():
            print(f"{what:22s} {time:6.2f} s")


if __name__ == "__main__":
    main()
