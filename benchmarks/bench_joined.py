"""What a fine-tuning step costs with per-filter rates: the unsplit net, the split one, and torchcaffe's joined one.

``python benchmarks/bench_joined.py [rounds] [caffe]``: AlexNet (64, 192, 384, 256 and 256 filters, 96 classes) on
batches of 16 made-up pictures of 224 pixels, SGD with momentum and decay, two threads. Every variant makes one step in
turn; medians are shown. Run it with OMP_NUM_THREADS=2 OMP_WAIT_POLICY=PASSIVE, so that threads that wait do not count
as busy. With ``caffe`` real Caffe is timed too (processor seconds, one thread), but not with hundreds of layers.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from bench_split import seconds

from entropy.split_folder.real_caffe import find_caffe
from prototxt.formats.schema import LayerParameter, NetParameter, SolverParameter
from prototxt.net.build import layer
from prototxt.net.build import net as make_net
from prototxt.split import fill_param_specs, split_net
from prototxt.templates.parts import convolution, dropout, gaussian, inner_product, pool, relu
from torchcaffe.pycaffe.solvers import SGDSolver

BATCH, CLASSES, THREADS = 16, 96, 2
UNITS = {"conv1": 64, "conv2": 192, "conv3": 384, "conv4": 256, "conv5": 256}
# Free filters of method 2 in docs/per-filter-rates.md: 15 % of the net's, most of them near its end.
METHOD_2 = {"conv1": 4, "conv2": 4, "conv3": 22, "conv4": 38, "conv5": 105}
LAYERWISE = {name: round(0.15 * units) for name, units in UNITS.items()}


def training_net() -> NetParameter:
    shapes = {"shape": [{"dim": [BATCH, 3, 224, 224]}, {"dim": [BATCH]}], "data_filler": [{"value": 0.5}, {}]}
    layers = [
        layer("DummyData", "data", tops=["data", "label"], dummy_data_param=shapes),
        *_convolution("conv1", "data", 11, stride=4, pad=2),
        pool("pool1", "conv1", 3, 2),
        *_convolution("conv2", "pool1", 5, pad=2),
        pool("pool2", "conv2", 3, 2),
        *_convolution("conv3", "pool2", 3, pad=1),
        *_convolution("conv4", "conv3", 3, pad=1),
        *_convolution("conv5", "conv4", 3, pad=1),
        pool("pool5", "conv5", 3, 2),
        *_hidden("fc6", "pool5"),
        *_hidden("fc7", "fc6"),
        inner_product("fc8", "fc7", CLASSES, gaussian(0.01)),
        layer("SoftmaxWithLoss", "loss", ["fc8", "label"]),
    ]
    return fill_param_specs(make_net("AlexNet", layers))


def _convolution(name: str, bottom: str, kernel: int, **fields: int) -> list[LayerParameter]:
    return [convolution(name, bottom, UNITS[name], kernel, gaussian(0.05), **fields), relu(f"relu_{name}", name)]


def _hidden(name: str, bottom: str) -> list[LayerParameter]:
    return [
        inner_product(name, bottom, 4096, gaussian(0.01)),
        relu(f"relu_{name}", name),
        dropout(f"drop_{name}", name),
    ]


def rates(free: Mapping[str, int]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.permutation(np.arange(units) < free[name]).astype(float) for name, units in UNITS.items()}


def soft_rates(levels: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.permutation(np.arange(units) % levels + 1) / levels for name, units in UNITS.items()}


def solver_of(net: NetParameter, join: bool) -> SGDSolver:
    settings = {"base_lr": 0.001, "lr_policy": "fixed", "momentum": 0.9, "weight_decay": 0.0005, "random_seed": 1}
    return SGDSolver(SolverParameter(net_param=net, max_iter=1000, **settings), "cpu", join=join)


Times = dict[str, list[tuple[float, float]]]


def step_times(plain: NetParameter, split: NetParameter, rounds: int) -> Times:
    """Seconds and processor seconds of each step; every variant in turn, its first step left out."""
    solvers = {
        "unsplit": solver_of(plain, False),
        "apart": solver_of(split, False),
        "joined": solver_of(split, True),
    }
    for solver in solvers.values():
        solver.step(1)
    times: Times = {name: [] for name in solvers}
    for _ in range(rounds):
        for name, solver in solvers.items():
            start, busy = time.perf_counter(), time.process_time()
            solver.step(1)
            times[name].append((time.perf_counter() - start, time.process_time() - busy))
    return times


def show(split: str, times: Times) -> None:
    middles = {name: np.median(np.array(found), axis=0) for name, found in times.items()}
    for name, middle in middles.items():
        ratios = " | ".join(f"{ratio:.2f}" for ratio in middle / middles["unsplit"])
        print(f"| {split} | {name} | {middle[0]:.2f} | {middle[1]:.2f} | {ratios} |", flush=True)


def main(rounds: int = 9, with_caffe: bool = False) -> None:
    torch.set_num_threads(THREADS)
    plain = training_net()
    splits = {
        "method 2, 15 % free": split_net(plain, rates(METHOD_2)).net,
        "15 % free in every layer": split_net(plain, rates(LAYERWISE)).net,
        "8 levels": split_net(plain, soft_rates(8)).net,
        "64 levels": split_net(plain, soft_rates(64)).net,
    }
    layers = ", ".join(f"{name}: {len(net.layer)}" for name, net in splits.items())
    print(f"layers: {len(plain.layer)} unsplit; {layers}")
    print("| split | run | s per step | processor s | against unsplit | processor |\n|---|---|---|---|---|---|")
    for name, net in splits.items():
        show(name, step_times(plain, net, rounds))
    caffe = find_caffe() if with_caffe else None
    if caffe is not None:
        show_caffe(caffe, {"unsplit": plain} | {name: net for name, net in splits.items() if len(net.layer) < 200})


def show_caffe(caffe: Path, nets: Mapping[str, NetParameter], rounds: int = 3) -> None:
    times: dict[str, list[float]] = {name: [] for name in nets}
    for _ in range(rounds):
        for name, net in nets.items():
            times[name].append(seconds(caffe, net, iterations=2))
    print("| Caffe | processor s per step | against unsplit |\n|---|---|---|")
    for name, found in times.items():
        print(f"| {name} | {np.median(found):.2f} | {np.median(found) / np.median(times['unsplit']):.2f} |")


if __name__ == "__main__":
    main(*(int(argument) if argument.isdigit() else True for argument in sys.argv[1:]))
