"""What receptive fields cost: every reference net, and chains and ladders of branches that grow.

``python benchmarks/bench_fields.py``: processor time of one call on a net whose graph and shapes are there, median of
rounds in which all nets take turns. The last columns are the time per layer, which does not grow with the net, and how
long graph and shapes take, which whoever opens a net needs anyway.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median

from prototxt.formats.schema import NetParameter
from prototxt.net.build import input_layer, layer, net
from prototxt.net.graph import NetGraph
from prototxt.net.receptive_field import receptive_fields
from prototxt.net.shapes import infer_shapes
from prototxt.templates import TEMPLATES, read_template

ROUNDS = 15
DEPTHS = 250, 500, 1000


def chain(depth: int) -> NetParameter:
    """3x3 convolutions behind each other."""
    param = {"num_output": 1, "kernel_size": [3], "pad": [1]}
    names = ["data", *(f"c{number}" for number in range(depth))]
    layers = [layer("Convolution", top, bottom, convolution_param=param) for bottom, top in pairwise(names)]
    return net("chain", [input_layer("data", (1, 1, 224, 224)), *layers])


def ladder(depth: int) -> NetParameter:
    """Blocks of two layers: a dilated convolution, and its sum with what came before it."""
    layers, bottom = [], "data"
    for number in range(depth // 2):
        param = {"num_output": 1, "kernel_size": [3], "pad": [2], "dilation": [2]}
        layers.append(layer("Convolution", f"c{number}", bottom, convolution_param=param))
        layers.append(layer("Eltwise", f"s{number}", [bottom, f"c{number}"]))
        bottom = f"s{number}"
    return net("ladder", [input_layer("data", (1, 1, 224, 224)), *layers])


def milliseconds(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return 1000 * (time.process_time() - start)


def main() -> None:
    nets = {name: read_template(name) for name in TEMPLATES}
    nets |= {f"chain {depth}": chain(depth) for depth in DEPTHS}
    nets |= {f"ladder {depth}": ladder(depth) for depth in DEPTHS}
    graphs = {name: NetGraph(message) for name, message in nets.items()}
    shapes = {name: infer_shapes(graph) for name, graph in graphs.items()}
    fields: dict[str, list[float]] = {name: [] for name in nets}
    before: dict[str, list[float]] = {name: [] for name in nets}
    for _ in range(ROUNDS):
        for name, graph in graphs.items():
            fields[name].append(milliseconds(lambda: receptive_fields(graph, shapes[name])))  # noqa: B023
            before[name].append(milliseconds(lambda: infer_shapes(NetGraph(nets[name]))))  # noqa: B023
    print(f"{'net':14}{'layers':>7}{'fields, ms':>12}{'us a layer':>12}{'graph and shapes, ms':>22}")
    for name, graph in graphs.items():
        count, spent = len(graph.layers), median(fields[name])
        print(f"{name:14}{count:7}{spent:12.2f}{1000 * spent / count:12.1f}{median(before[name]):22.2f}")


if __name__ == "__main__":
    main()
