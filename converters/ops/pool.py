"""Pooling: Caffe always rounds the number of windows up, PyTorch mostly down, so that a last row or column may be cut.

The size rule and the divisor of averages are those of Caffe 1.0, ``src/caffe/layers/pooling_layer.cpp``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from converters.call import Call
from converters.errors import RefusedError
from converters.layer_spec import Blob
from converters.ops.geometry import spatial, window
from converters.registry import converts


@converts("aten.max_pool2d.default", "aten.max_pool2d_with_indices.default")
def convert_max_pool2d(call: Call) -> str:
    """Maximum over windows: bit for bit the same once the surplus windows are cut."""
    if spatial(call["dilation"]) != [1, 1]:
        raise RefusedError(f"dilation {call['dilation']}")
    kernel, stride, pad = _windows(call)
    return pool(call, "MAX", kernel, stride, pad)


@converts("aten.avg_pool2d.default")
def convert_avg_pool2d(call: Call) -> str:
    """Average over windows; Caffe's divisor counts the padding, and where PyTorch's does not, a factor mends it."""
    kernel, stride, pad = _windows(call)
    bottom, sizes = call.blob("self", axes=4), call.shape[2:]
    factors = average_divisors(bottom.shape[2:], sizes, kernel, stride, pad, count_padding=True)
    if call["divisor_override"]:
        factors = factors / call["divisor_override"]
    elif not call["count_include_pad"]:
        factors = factors / average_divisors(bottom.shape[2:], sizes, kernel, stride, pad, count_padding=False)
    else:
        factors = np.ones(sizes)
    if np.all(factors == 1):
        return pool(call, "AVE", kernel, stride, pad)
    pooled = pool(call, "AVE", kernel, stride, pad, part="counting_padding")
    return call.layer("Scale", pooled, blobs=[factors], frozen=True, scale_param={"axis": 2, "num_axes": 2})


def pool(
    call: Call, method: str, kernel: Sequence[int], stride: Sequence[int], pad: Sequence[int], part: str = ""
) -> str:
    """Append a Pooling layer and what cuts its surplus windows down to the operation's shape; give the top's name.

    Parameters
    ----------
    method : ``"MAX"`` or ``"AVE"``.
    kernel, stride, pad : (height, width) each.
    part : name of the result within the operation.
    """
    bottom = call.blob("self", axes=4)
    have = [pooled_size(*sizes) for sizes in zip(bottom.shape[2:], kernel, stride, pad, strict=True)]
    want = call.shape[2:]
    pooled = call.layer(
        "Pooling",
        bottom,
        part=part,
        top=part if have == list(want) else "rounded_up",
        pooling_param={
            "pool": method,
            **window("kernel", kernel),
            **window("stride", stride, default=1),
            **window("pad", pad, default=0),
            **({"engine": "CAFFE"} if method == "AVE" and _hangs_over(bottom, want, kernel, stride, pad) else {}),
        },
    )
    return cut(call, pooled, have, (0, 0), want, part)


def _hangs_over(
    bottom: Blob, windows: Sequence[int], kernel: Sequence[int], stride: Sequence[int], pad: Sequence[int]
) -> bool:
    """Whether a window reaches beyond the padded map; there cuDNN's divisor would not be Caffe's own."""
    ends = [(n - 1) * s - p + k for n, s, p, k in zip(windows, stride, pad, kernel, strict=True)]
    return any(end > size + p for end, size, p in zip(ends, bottom.shape[2:], pad, strict=True))


def pooled_size(size: int, kernel: int, stride: int, pad: int) -> int:
    """Windows along one axis in Caffe: rounded up, less one that would start beyond a padded picture."""
    windows = -((size + 2 * pad - kernel) // -stride) + 1
    return windows - (pad > 0 and (windows - 1) * stride >= size + pad)


def average_divisors(
    size: Sequence[int],
    windows: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    pad: Sequence[int],
    count_padding: bool,
) -> np.ndarray:
    """Positions that an average is divided by, as an array (rows, columns) of windows.

    Parameters
    ----------
    size : (height, width) of the map.
    windows : (rows, columns) of windows.
    kernel, stride, pad : (height, width) each.
    count_padding : True counts the padding in a window, but not what hangs over it, as Caffe does; False counts the
        picture alone.
    """
    counts = []
    for axis in range(2):
        start = np.arange(windows[axis]) * stride[axis] - pad[axis]
        stop = np.minimum(start + kernel[axis], size[axis] + pad[axis])
        if not count_padding:
            start, stop = np.maximum(start, 0), np.minimum(stop, size[axis])
        counts.append(stop - start)
    return np.outer(*counts).astype(np.float64)


def _windows(call: Call) -> tuple[list[int], list[int], list[int]]:
    kernel = spatial(call["kernel_size"])
    return kernel, spatial(call["stride"] or kernel), spatial(call["padding"])


def cut(
    call: Call,
    bottom: str,
    have: Sequence[int],
    starts: Sequence[int],
    sizes: Sequence[int],
    part: str = "",
) -> str:
    """Append Slice layers that keep a box of every map of ``bottom`` (N, C, H, W); give the name of the last top.

    Parameters
    ----------
    have : (height, width) of ``bottom``.
    starts, sizes : first row and column, and (height, width), of what is kept.
    part : name of the last top within the operation.
    """
    todo = [axis for axis in (0, 1) if have[axis] != sizes[axis]]
    for axis in todo:
        what = ("rows", "columns")[axis]
        stop = starts[axis] + sizes[axis]
        points = [point for point in (starts[axis], stop) if 0 < point < have[axis]]
        kept = part if axis == todo[-1] else f"{what}_kept"
        tops = [f"{what}_before"] * (starts[axis] > 0) + [kept] + [f"{what}_after"] * (stop < have[axis])
        sliced = call.layer_with_tops(
            "Slice", bottom, f"cut_{what}", tops, slice_param={"axis": axis + 2, "slice_point": points}
        )
        bottom = sliced[tops.index(kept)]
    return bottom
