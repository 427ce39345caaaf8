"""A forward pass of torchcaffe beside the same net in plain torch: ``python benchmarks/bench_forward.py``.

The promise: AlexNet costs at most 1.05 times what torchvision's module costs. Passes alternate, so that other work on
the machine falls on both; the ratio is that of the fastest passes. Further lines show what single pieces cost.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.build import input_layer, layer, net
from torchcaffe.layers.normalization import LRN
from torchcaffe.network import Network

ROUNDS = 30
PROMISE = 1.05


def as_caffe(module: nn.Module, shape: tuple[int, ...]) -> tuple[NetParameter, Weights]:
    """A sequential torchvision classifier as a Caffe net."""
    layers = [input_layer("data", shape)]
    weights: Weights = {}
    blob = "data"
    leaves = [leaf for leaf in module.modules() if not list(leaf.children())]
    for index, leaf in enumerate(leaves):
        made = _layer(leaf, f"layer{index}", blob)
        if made is None:
            continue
        layers.append(made)
        blob = made.top[0]
        if list(leaf.parameters()):
            weights[made.name] = [parameter.detach().numpy() for parameter in leaf.parameters()]
    return net("bench", layers), weights


def _layer(leaf: nn.Module, name: str, blob: str) -> LayerParameter | None:
    match leaf:
        case nn.Conv2d():
            fields = {"num_output": leaf.out_channels, "kernel_size": [leaf.kernel_size[0]]}
            fields |= {"stride": [leaf.stride[0]], "pad": [leaf.padding[0]]}
            return layer("Convolution", name, blob, convolution_param=fields)
        case nn.Linear():
            return layer("InnerProduct", name, blob, inner_product_param={"num_output": leaf.out_features})
        case nn.ReLU():
            return layer("ReLU", name, blob, blob)
        case nn.Dropout():
            return layer("Dropout", name, blob, blob)
        case nn.MaxPool2d():
            return layer("Pooling", name, blob, pooling_param={"kernel_size": leaf.kernel_size, "stride": leaf.stride})
    return None  # AdaptiveAvgPool2d, which does nothing at 224 pixels


def fastest(*works: Callable[[], object]) -> list[float]:
    """Seconds of the fastest of `ROUNDS` runs of each, taken in turns."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, taken in zip(works, times, strict=True):
            start = perf_counter()
            work()
            taken.append(perf_counter() - start)
    return [min(taken) for taken in times]


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(2)
    x = torch.randn(8, 3, 224, 224)
    module = torchvision.models.alexnet().eval()
    caffe_net, weights = as_caffe(module, tuple(x.shape))
    network = Network(caffe_net, weights=weights)
    with torch.inference_mode():
        difference = (module(x) - network(x)[0]).abs().max().item()
        plain, ours = fastest(lambda: module(x), lambda: network(x))
        print(f"AlexNet, batch 8: torch {plain * 1e3:.1f} ms, torchcaffe {ours * 1e3:.1f} ms, ratio {ours / plain:.3f}")
        print(f"  promised at most {PROMISE}; largest difference of the outputs {difference:.2g}")
        relus = [layer("ReLU", f"relu{i}", "x", "x") for i in range(100)]
        small = Network(net("small", [input_layer("x", (1, 1)), *relus]))
        one = torch.zeros(1, 1)
        (overhead,) = fastest(lambda: small(one))
        print(f"Overhead of a layer (ReLU of one number): {overhead * 1e4:.1f} µs")
        maps = torch.randn(8, 96, 55, 55)
        lrn = LRN.from_param(layer("LRN", "norm", "x", lrn_param={"local_size": 5, "alpha": 1e-4}), [maps.shape])
        plain, ours = fastest(lambda: F.local_response_norm(maps, 5, 1e-4, 0.75, 1), lambda: lrn(maps))
        print(f"LRN of CaffeNet's norm1: torch {plain * 1e3:.1f} ms, torchcaffe {ours * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
