"""Pooling over 1 to 3 axes.

Caffe always rounds the number of windows up, PyTorch mostly down. Where Caffe may have a window more, Crop cuts the map
to the size of a reference: a Convolution of one filter of zeros over the same windows, which rounds down at every size.

The size rule and the divisor of averages are those of Caffe 1.0, ``src/caffe/layers/pooling_layer.cpp``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from converters.call import Call, Result
from converters.compose.reshaping import reshape
from converters.errors import RefusedError
from converters.layer_spec import Blob
from converters.ops.border import divide_by_that_of_ones
from converters.ops.geometry import spatial, window
from converters.ops.pad import pad_with_number
from converters.ops.shift import shift_window
from converters.ops.slice import take
from converters.registry import converts

LOWEST = -3e38
"""Below every value of a net, for the padding of a maximum that Caffe's own padding does not serve."""


@dataclass(frozen=True)
class Windows:
    """Windows along one axis.

    Parameters
    ----------
    kernel, stride, pad, dilation : in places.
    ceil : whether a last window may hang over (``ceil_mode``).
    """

    kernel: int
    stride: int = 1
    pad: int = 0
    ceil: bool = False
    dilation: int = 1

    def count(self, size: int) -> int:
        """How many there are in PyTorch."""
        span = size + 2 * self.pad - self.dilation * (self.kernel - 1) - 1
        if not self.ceil:
            return span // self.stride + 1
        count = -(span // -self.stride) + 1
        return count - ((count - 1) * self.stride >= size + self.pad)

    def in_caffe(self, size: int, padded: bool) -> int:
        """How many there are in Caffe: rounded up, less one that would start beyond a map ``padded`` along any axis."""
        count = -((size + 2 * self.pad - self.kernel) // -self.stride) + 1
        return count - (padded and (count - 1) * self.stride >= size + self.pad)

    def may_differ(self, padded: bool) -> bool:
        """Whether Caffe has a window more at some size."""
        if self.ceil:
            return not padded and self.stride > self.kernel
        return self.stride > 1

    @property
    def reference(self) -> Windows | None:
        """The smallest windows of a convolution that are as many as PyTorch's at every size, None if there are none.

        The number of a convolution's windows depends on ``kernel - 2 pad`` and the stride alone.
        """
        reach = self.kernel - 2 * self.pad
        if self.ceil and self.pad:
            return None
        if self.ceil:
            reach = max(reach - self.stride + 1, 1)
        pad = max(0, -((reach - 1) // 2))
        return Windows(reach + 2 * pad, self.stride, pad)


ONE = Windows(1)


@converts(
    *(f"aten.max_pool{axes}d.default" for axes in (1, 2, 3)),
    *(f"aten.max_pool{axes}d_with_indices.default" for axes in (2, 3)),
    status="trick",
)
def convert_max_pool(call: Call) -> Result:
    """Pooling, and Crop where Caffe has a window more; windows with gaps: shifts and Eltwise MAX."""
    return pool(call, call.blob("self"), "MAX", _windows(call))


@converts(*(f"aten.avg_pool{axes}d.default" for axes in (1, 2, 3)), status="trick")
def convert_avg_pool(call: Call) -> Result:
    """Pooling, and Crop where Caffe has a window more; without the padding: over that of ones."""
    blob, windows = call.blob("self"), _windows(call)
    divisor = call.get("divisor_override")
    if divisor:
        return _sum_over(call, blob, windows, divisor)
    if not call["count_include_pad"] and any(each.pad for each in windows):
        return divide_by_that_of_ones(call, blob, lambda each: pool(call, each, "AVE", windows))
    return pool(call, blob, "AVE", windows)


def pool(call: Call, blob: Blob, method: str, windows: Sequence[Windows]) -> Blob:
    """Append poolings over the spatial axes of ``blob``, one for each pair of axes; Caffe's takes two, of four.

    Parameters
    ----------
    method : ``"MAX"`` or ``"AVE"``.
    windows : for every axis from the third on.
    """
    if any(each.dilation > 1 for each in windows):
        return _pool_dilated(call, blob, windows)
    batch, channels, *sizes = blob.shape
    counts = [each.count(size) for each, size in zip(windows, sizes, strict=True)]
    if len(sizes) == 1:
        rows = pool_maps(call, reshape(call, blob, (batch, channels, 1, *sizes)), method, (ONE, *windows))
        return reshape(call, rows, (batch, channels, *counts))
    if len(sizes) == 2:
        return pool_maps(call, blob, method, windows)
    planes = reshape(call, blob, (batch, channels * sizes[0], *sizes[1:]))
    pooled = pool_maps(call, planes, method, windows[1:])
    lines = reshape(call, pooled, (batch, channels * sizes[0], counts[1] * counts[2]))
    depths = reshape(call, lines, (batch, channels, sizes[0], counts[1] * counts[2]), free=2)
    return reshape(call, pool_maps(call, depths, method, (windows[0], ONE)), (batch, channels, *counts))


def pool_maps(call: Call, blob: Blob, method: str, windows: Sequence[Windows]) -> Blob:
    """Append a Pooling of (N, C, H, W), and what cuts its surplus windows."""
    sizes = blob.shape[2:]
    padded = any(each.pad for each in windows)
    have = [each.in_caffe(size, padded) for each, size in zip(windows, sizes, strict=True)]
    want = [each.count(size) for each, size in zip(windows, sizes, strict=True)]
    may_differ = any(each.may_differ(padded) for each in windows)
    if have == want and may_differ and not call.any_size:
        call.fix_size("counts its windows otherwise in Caffe at other sizes", curable=True)
    hangs_over = any(
        (count - 1) * each.stride - each.pad + each.kernel > size + each.pad
        for each, count, size in zip(windows, want, sizes, strict=True)
    )
    pooled = call.step(
        "Pooling",
        blob,
        "pooled",
        (*blob.shape[:2], *have),
        pooling_param={
            "pool": method,
            **_fields(windows),
            # cuDNN would divide such an average by the whole window
            **({"engine": "CAFFE"} if method == "AVE" and hangs_over else {}),
        },
    )
    if have == want and not (call.any_size and may_differ):
        return pooled
    return _cut(call, blob, pooled, windows, want)


def _cut(call: Call, blob: Blob, pooled: Blob, windows: Sequence[Windows], want: Sequence[int]) -> Blob:
    """Append what cuts ``pooled`` down to PyTorch's windows: Crop by a reference, or Slice at fixed places."""
    references = [each.reference for each in windows]
    if not all(references):
        call.fix_size("what Caffe counts too many of its windows is cut at a fixed place")
        for axis, count in enumerate(want, 2):
            pooled = take(call, pooled, axis, 0, count)
        return pooled
    found = [each for each in references if each]
    size = call.step(
        "Convolution",
        blob,
        "size",
        (blob.shape[0], 1, *want),
        [np.zeros((1, blob.shape[1], *(each.kernel for each in found)))],
        propagates=False,
        convolution_param={"num_output": 1, "bias_term": False, **_fields(found)},
    )
    return call.step("Crop", (pooled, size), "cut", (*blob.shape[:2], *want), crop_param={"axis": 2})


def _pool_dilated(call: Call, blob: Blob, windows: Sequence[Windows]) -> Blob:
    """Append the maximum over windows with gaps: of the map moved to every place of a window, axis by axis."""
    margins: dict[int, tuple[int, int]] = {}
    for axis, each in enumerate(windows, 2):
        over = (each.count(blob.shape[axis]) - 1) * each.stride + each.dilation * (each.kernel - 1) + 1
        behind = max(each.pad, over - blob.shape[axis] - each.pad)
        if behind > each.pad:
            call.fix_size("a window that hangs over is padded by a fixed amount")
        if each.pad or behind:
            margins[axis] = (each.pad, behind)
    blob = pad_with_number(call, blob, margins, LOWEST) if margins else blob
    for axis, each in enumerate(windows, 2):
        reach = each.dilation * (each.kernel - 1)
        moved = [
            shift_window(call, blob, {axis: (-place, place - reach)}, {axis: each.stride})
            for place in range(0, reach + 1, each.dilation)
        ]
        if len(moved) > 1:
            blob = call.step("Eltwise", moved, "maximum", moved[0].shape, eltwise_param={"operation": "MAX"})
        else:
            blob = moved[0]
    return blob


def _sum_over(call: Call, blob: Blob, windows: Sequence[Windows], divisor: int) -> Blob:
    """Append the average times what Caffe divides by, over ``divisor``."""
    pooled = pool(call, blob, "AVE", windows)
    factors = average_divisors(blob.shape[2:], pooled.shape[2:], windows) / divisor
    if np.ptp(factors) == 0:
        return call.step("Power", pooled, "sum", pooled.shape, power_param={"scale": float(factors.flat[0])})
    where = {"axis": 2, "num_axes": factors.ndim}
    return call.step("Scale", pooled, "sum", pooled.shape, [factors], scale_param=where)


def average_divisors(sizes: Sequence[int], counts: Sequence[int], windows: Sequence[Windows]) -> np.ndarray:
    """Places that Caffe divides each average by, an array of windows: the padding counts, what hangs over does not."""
    divisors = np.ones(())
    for size, count, each in zip(sizes, counts, windows, strict=True):
        start = np.arange(count) * each.stride - each.pad
        divisors = np.multiply.outer(divisors, np.minimum(start + each.kernel, size + each.pad) - start)
    return divisors


def _fields(windows: Sequence[Windows]) -> dict[str, Any]:
    return {
        **window("kernel", [each.kernel for each in windows]),
        **window("stride", [each.stride for each in windows], default=1),
        **window("pad", [each.pad for each in windows], default=0),
    }


def _windows(call: Call) -> list[Windows]:
    """One for each spatial axis."""
    axes = len(call.blob("self").shape) - 2
    if axes + 2 != len(call.shape) or f"pool{axes}d" not in call.op:
        raise RefusedError("its input has no batch axis")
    kernel, pad, dilation = (spatial(call.get(name, 1), axes) for name in ("kernel_size", "padding", "dilation"))
    stride = spatial(call["stride"] or kernel, axes)
    ceil = bool(call["ceil_mode"])
    return [Windows(k, s, p, ceil, d) for k, s, p, d in zip(kernel, stride, pad, dilation, strict=True)]
