"""What a split costs: layers, and processor seconds per iteration in real Caffe (CPU), against the unsplit net.

``python benchmarks/bench_split.py [iterations]``: CaffeNet on batches of 8 made-up pictures of 227 pixels, random H.
Each variant is timed in turn, several rounds, and the median is shown.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from entropy import plan
from entropy.measuring.measurement import measure
from entropy.measuring.scan_file import ScanTables
from entropy.split_folder.cost import step_cost
from prototxt.common.real_caffe import find_caffe
from prototxt.formats.schema import NetParameter, SolverParameter
from prototxt.formats.text import write_message
from prototxt.net.build import layer
from prototxt.split import split_net
from prototxt.split.layouts import unit_count
from prototxt.templates import read_template

BATCH, ROUNDS = 8, 3
VARIANTS = {
    "method 1, 2 levels": {"method": 1},
    "method 2, 2 levels": {"method": 2},
    "method 5, 8 levels": {"method": 5},
    "method 5, 16 levels": {"method": 5, "levels": 16},
}


def training_net() -> NetParameter:
    net = read_template("caffenet")
    shapes = {"shape": [{"dim": [BATCH, 3, 227, 227]}, {"dim": [BATCH]}], "data_filler": [{"type": "gaussian"}, {}]}
    layers = [layer("DummyData", "data", tops=["data", "label"], dummy_data_param=shapes)]
    layers += [each for each in net.layer if each.type not in ("Input", "Softmax")]
    layers.append(layer("SoftmaxWithLoss", "loss", [layers[-1].top[0], "label"]))
    return NetParameter(name=net.name, layer=layers)


def table_of(net: NetParameter) -> ScanTables:
    rng = np.random.default_rng(0)
    units = {each.name: unit_count(each) for each in net.layer if each.type == "Convolution"}
    return ScanTables(
        {n: (rng.gamma(1, 1, (3000, u)) * rng.uniform(0.05, 1, u)).astype(np.float32) for n, u in units.items()}
    )


def processor_seconds(caffe: Path, net: NetParameter, iterations: int) -> float:
    """Of a whole run, one thread; unlike the clock it hardly minds what else the machine does."""
    with tempfile.TemporaryDirectory() as folder:
        write_message(Path(folder) / "net.prototxt", net)
        solver = SolverParameter(
            net="net.prototxt", base_lr=1e-6, lr_policy="fixed", momentum=0.9, weight_decay=5e-4, max_iter=iterations,
            solver_mode="CPU", snapshot_after_train=False,
        )  # fmt: skip
        write_message(Path(folder) / "solver.prototxt", solver)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [caffe, "train", "-solver", "solver.prototxt"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def seconds(caffe: Path, net: NetParameter, iterations: int) -> float:
    """Of an iteration: what more iterations take more."""
    return (processor_seconds(caffe, net, 1 + iterations) - processor_seconds(caffe, net, 1)) / iterations


def main(iterations: int = 5) -> None:
    caffe = find_caffe()
    plain = training_net()
    start = time.perf_counter()
    tables = table_of(plain)
    table = measure(tables)
    print(f"H of {len(table)} filters on 3000 images: {time.perf_counter() - start:.2f} s")
    channels = {each.name: 96 if each.name == "conv2" else 384 for each in plain.layer}
    nets = {"unsplit": plain}
    for name, arguments in VARIANTS.items():
        nets[name] = split_net(plain, plan(table, **arguments).multipliers, channels).net
    times: dict[str, list[float]] = {name: [] for name in nets}
    for _ in range(ROUNDS if caffe else 0):
        for name, net in nets.items():
            times[name].append(seconds(caffe, net, iterations))
    print("| net | layers | s per iteration | against unsplit | expected |\n|---|---|---|---|---|")
    whole = step_cost(plain).total
    for name, net in nets.items():
        timed = bool(times[name])
        middle = f"{np.median(times[name]):.2f}" if timed else "no real Caffe"
        ratio = f"{np.median(times[name]) / np.median(times['unsplit']):.2f}" if timed else ""
        print(f"| {name} | {len(net.layer)} | {middle} | {ratio} | {step_cost(net).total / whole:.2f} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
