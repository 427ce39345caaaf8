"""Pooling over windows and over whole maps."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from converters.errors import RefusedError
from converters.onnx.node import Node
from converters.onnx.ops.conv import CONV
from converters.onnx.ops.padding import Pads, pad_zeros, window_pads
from converters.onnx.registry import translates

MAX: dict[int, Callable[..., Tensor]] = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
AVERAGE: dict[int, Callable[..., Tensor]] = {
    1: functional.avg_pool1d,
    2: functional.avg_pool2d,
    3: functional.avg_pool3d,
}


class Windows:
    """Where the windows of a pooling lie.

    Parameters
    ----------
    node : of the pooling.
    x : what is pooled (N, C, ...).
    """

    def __init__(self, node: Node, x: Tensor) -> None:
        self.axes = x.dim() - 2
        if self.axes not in MAX:
            raise RefusedError(f"over {self.axes} axes; over one to three it can be converted")
        self.size = list(x.shape[2:])
        self.kernel = list(node.attribute("kernel_shape"))
        self.stride = list(node.attribute("strides", [1] * self.axes))
        self.dilation = list(node.attribute("dilations", [1] * self.axes))
        self.ceil = bool(node.attribute("ceil_mode", 0))
        self.pads = window_pads(node, self.size, self.kernel, self.stride, self.dilation)
        self.reach = [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]

    def counts(self, pads: Pads, ceil: bool) -> list[int]:
        """Number of windows along every axis; in ceil mode none begins in the padding after the picture."""
        found = []
        for n, (before, after), k, s in zip(self.size, pads, self.reach, self.stride, strict=True):
            steps = (n + before + after - k) / s
            count = (math.ceil(steps) if ceil else math.floor(steps)) + 1
            found.append(count - (ceil and (count - 1) * s >= n + before))
        return found

    def as_torch(self) -> tuple[list[int], bool] | None:
        """(padding, ceil_mode) with which PyTorch has the same windows, None if they cannot be written so.

        Where what is padded does not count, a window that hangs over the end is one that is padded there: so padding
        that is larger after than before (TensorFlow's SAME) is padding before, and windows rounded up.
        """
        padding = [before for before, _ in self.pads]
        if any(2 * before > k for before, k in zip(padding, self.kernel, strict=True)):
            return None
        wanted = self.counts(self.pads, self.ceil)
        both = [(before, before) for before in padding]
        modes = (self.ceil, not self.ceil)  # the node's own first: it is the one that is right at other sizes too
        return next(((padding, ceil) for ceil in modes if self.counts(both, ceil) == wanted), None)


@translates("MaxPool", gives="max_pool1d max_pool2d max_pool3d pad")
def max_pool(node: Node) -> Tensor:
    """Maximum over windows."""
    node.refuse_unless("storage_order", 0)
    if node.writes(1):
        raise RefusedError("its second output, the indices of the maxima; no Caffe net can use them")
    x, windows = node[0], Windows(node, node[0])
    found = windows.as_torch()
    if found is None:
        x, found = pad_zeros(x, windows.pads, -math.inf), ([0] * windows.axes, windows.ceil)
    return MAX[windows.axes](x, windows.kernel, windows.stride, found[0], windows.dilation, found[1])


@translates("AveragePool", gives="avg_pool1d avg_pool2d avg_pool3d pad conv1d conv2d conv3d mul")
def average_pool(node: Node) -> Tensor:
    """Average over windows, with or without the padding in the divisor."""
    x, windows = node[0], Windows(node, node[0])
    if any(d != 1 for d in windows.dilation):
        return _average_by_convolution(node, x, windows)
    counted = bool(node.attribute("count_include_pad", 0))
    pool = AVERAGE[windows.axes]
    if not counted and (found := windows.as_torch()):
        return pool(x, windows.kernel, windows.stride, found[0], found[1], count_include_pad=False)
    if counted and all(
        before == after and 2 * before <= k for (before, after), k in zip(windows.pads, windows.kernel, strict=True)
    ):
        padding = [before for before, _ in windows.pads]
        return pool(x, windows.kernel, windows.stride, padding, windows.ceil, count_include_pad=True)
    if counted:
        return pool(pad_zeros(x, windows.pads), windows.kernel, windows.stride, 0, windows.ceil)
    return _average_by_convolution(node, x, windows)


def _average_by_convolution(node: Node, x: Tensor, windows: Windows) -> Tensor:
    """Sums by a convolution with ones, times a constant map of one over the number of values in each window."""
    conv, channels = CONV[windows.axes], x.shape[1]
    counts = windows.counts(windows.pads, windows.ceil)
    # as much padding after as the last window reaches to
    spans = zip(counts, windows.size, windows.pads, windows.stride, windows.reach, strict=True)
    pads = [(before, max((count - 1) * s + k - n - before, 0)) for count, n, (before, _), s, k in spans]
    kernel = torch.ones(1, 1, *windows.kernel)
    there = torch.ones(1, 1, *windows.size)
    if node.attribute("count_include_pad", 0):
        there = pad_zeros(there, windows.pads, 1.0)
        rest = [(0, max(after - given, 0)) for (_, after), (_, given) in zip(pads, windows.pads, strict=True)]
        there = pad_zeros(there, rest)
    else:
        there = pad_zeros(there, pads)
    numbers = conv(there, kernel, None, windows.stride, 0, windows.dilation)
    for axis, count in enumerate(counts, start=2):
        numbers = numbers.narrow(axis, 0, count)
    ones = kernel.expand(channels, 1, *windows.kernel).to(x.device)
    sums = conv(pad_zeros(x, pads), ones, None, windows.stride, 0, windows.dilation, channels)
    return sums * (1 / numbers).to(x.device)


@translates("LpPool", gives="avg_pool1d avg_pool2d avg_pool3d pad abs pow mul")
def lp_pool(node: Node) -> Tensor:
    """``(sum of |x|^p)^(1/p)`` over windows."""
    x, windows, p = node[0], Windows(node, node[0]), float(node.attribute("p", 2))
    if any(d != 1 for d in windows.dilation):
        raise RefusedError(f"dilations {windows.dilation}; only 1")
    powers = pad_zeros(_power(x, p), windows.pads)
    wanted = windows.counts(windows.pads, windows.ceil)
    if windows.ceil:
        spans = zip(wanted, powers.shape[2:], windows.stride, windows.kernel, strict=True)
        powers = pad_zeros(powers, [(0, max((count - 1) * s + k - n, 0)) for count, n, s, k in spans])
    means = AVERAGE[windows.axes](powers, windows.kernel, windows.stride)
    return (means * math.prod(windows.kernel)) ** (1 / p)


@translates("GlobalAveragePool", gives="adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d mean")
def global_average_pool(node: Node) -> Tensor:
    """Average over whole maps."""
    x = node[0]
    pool: dict[int, Callable[..., Tensor]] = {
        3: functional.adaptive_avg_pool1d,
        4: functional.adaptive_avg_pool2d,
        5: functional.adaptive_avg_pool3d,
    }
    return pool[x.dim()](x, 1) if x.dim() in pool else x.mean(_maps(x), keepdim=True)


@translates("GlobalMaxPool", gives="adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d amax")
def global_max_pool(node: Node) -> Tensor:
    """Maximum over whole maps."""
    x = node[0]
    pool: dict[int, Callable[..., Tensor]] = {
        3: functional.adaptive_max_pool1d,
        4: functional.adaptive_max_pool2d,
        5: functional.adaptive_max_pool3d,
    }
    return pool[x.dim()](x, 1) if x.dim() in pool else x.amax(_maps(x), keepdim=True)


@translates("GlobalLpPool", gives="abs pow sum")
def global_lp_pool(node: Node) -> Tensor:
    """``(sum of |x|^p)^(1/p)`` over whole maps."""
    p = float(node.attribute("p", 2))
    return _power(node[0], p).sum(_maps(node[0]), keepdim=True) ** (1 / p)


def _power(x: Tensor, p: float) -> Tensor:
    return (x if p % 2 == 0 else x.abs()) ** p


def _maps(x: Tensor) -> list[int]:
    return list(range(2, x.dim()))
