"""Pooling over 1 to 3 axes to a given size, whatever the size of the map."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from converters.call import Call, Result
from converters.compose.reshaping import reshape
from converters.layer_spec import Blob
from converters.ops.axis_map import map_axis
from converters.ops.pool import ONE, Windows, pool
from converters.ops.slice import gather
from converters.registry import converts


@converts(*(f"aten.adaptive_avg_pool{axes}d.default" for axes in (1, 2, 3)), status="trick")
def convert_adaptive_avg_pool(call: Call) -> Result:
    """Pooling along axes whose windows are alike, along others a frozen Convolution or InnerProduct."""
    return _adaptive(call, "AVE")


@converts(*(f"aten.adaptive_max_pool{axes}d.default" for axes in (1, 2, 3)), status="trick")
def convert_adaptive_max_pool(call: Call) -> Result:
    """Pooling; where windows differ, a frozen matrix lays their places out side by side first."""
    return _adaptive(call, "MAX")


def adaptive_windows(size: int, windows: int) -> list[tuple[int, int]]:
    """(start, stop) of each window along one axis, by PyTorch's rule: floor of the start, ceiling of the end."""
    return [(i * size // windows, -(-(i + 1) * size // windows)) for i in range(windows)]


def _adaptive(call: Call, method: str) -> Result:
    blob, wanted = call.blob("self"), [int(size) for size in call.shape[2:]]
    if max(wanted) == 1:
        return _pool_all(call, blob, method)
    call.fix_size(f"pools to {' x '.join(map(str, wanted))}, with windows for this size")
    windows = []
    for axis, count in enumerate(wanted, 2):
        spans = adaptive_windows(blob.shape[axis], count)
        alike = _alike(spans)
        if alike is None and method == "AVE":
            blob = map_axis(call, blob, axis, _averages(spans, blob.shape[axis]), part="averaged")
        elif alike is None:
            longest = max(stop - start for start, stop in spans)
            places = [min(start + step, stop - 1) for start, stop in spans for step in range(longest)]
            blob, alike = gather(call, blob, axis, places), Windows(longest, longest)
        windows.append(alike or ONE)
    return blob if set(windows) <= {ONE} else pool(call, blob, method, windows)


def _pool_all(call: Call, blob: Blob, method: str) -> Result:
    """Append a global pooling of all spatial axes, of any extents."""
    if blob.shape == call.shape:
        return blob
    batch, channels, *sizes = blob.shape
    if len(sizes) == 1:
        blob = reshape(call, blob, (batch, channels, 1, *sizes))
    elif len(sizes) == 3:
        blob = reshape(call, blob, (batch, channels, sizes[0], sizes[1] * sizes[2]))
    param = {"pool": method, "global_pooling": True}
    pooled = call.step("Pooling", blob, "pooled", (batch, channels, 1, 1), pooling_param=param)
    return reshape(call, pooled, call.shape)


def _alike(spans: Sequence[tuple[int, int]]) -> Windows | None:
    """Equal windows at equal distances, None where they differ."""
    lengths = {stop - start for start, stop in spans}
    steps = {after[0] - before[0] for before, after in pairwise(spans)} or {1}
    return Windows(lengths.pop(), steps.pop()) if len(lengths) == len(steps) == 1 and steps != {0} else None


def _averages(spans: Sequence[tuple[int, int]], size: int) -> np.ndarray:
    """(windows, size) matrix whose rows average the windows."""
    matrix = np.zeros((len(spans), size))
    for row, (start, stop) in zip(matrix, spans, strict=True):
        row[start:stop] = 1 / (stop - start)
    return matrix
