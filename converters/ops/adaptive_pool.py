"""Pooling to a given size, whatever the size of the map."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from converters.call import Call, Result
from converters.errors import RefusedError
from converters.layer_spec import Blob
from converters.ops.pool import pool
from converters.registry import converts


@converts("aten.adaptive_avg_pool2d.default")
def convert_adaptive_avg_pool2d(call: Call) -> Result:
    """Average pooling where the windows are alike, else one matrix product per map."""
    return _adaptive(call, "AVE", _average_by_matrix)


@converts("aten.adaptive_max_pool2d.default")
def convert_adaptive_max_pool2d(call: Call) -> Result:
    """Maximum pooling, where the windows are alike."""
    return _adaptive(call, "MAX", _refuse_maximum)


def adaptive_windows(size: int, windows: int) -> list[tuple[int, int]]:
    """(start, stop) of each window along one axis, by PyTorch's rule: floor of the start, ceiling of the end."""
    return [(i * size // windows, -(-(i + 1) * size // windows)) for i in range(windows)]


def _adaptive(call: Call, method: str, otherwise: Callable[[Call, Blob], str]) -> Result:
    bottom, want = call.blob("self", axes=4), call.shape[2:]
    if bottom.shape[2:] == want:
        return bottom
    if want == (1, 1):
        return call.layer("Pooling", bottom, pooling_param={"pool": method, "global_pooling": True})
    axes = [_uniform(size, windows) for size, windows in zip(bottom.shape[2:], want, strict=True)]
    if None in axes:
        return otherwise(call, bottom)
    kernel, stride = zip(*(axis for axis in axes if axis), strict=True)
    return pool(call, method, kernel, stride, (0, 0))


def _uniform(size: int, windows: int) -> tuple[int, int] | None:
    """(kernel, stride) of equal windows at equal distances, None where they differ."""
    spans = adaptive_windows(size, windows)
    lengths = {stop - start for start, stop in spans}
    steps = {after[0] - before[0] for before, after in pairwise(spans)} or {1}
    return (lengths.pop(), steps.pop()) if len(lengths) == len(steps) == 1 and steps != {0} else None


def _average_by_matrix(call: Call, bottom: Blob) -> str:
    """InnerProduct over height and width with the Kronecker product of the two axes' averages."""
    rows, columns = (_averages(size, windows) for size, windows in zip(bottom.shape[2:], call.shape[2:], strict=True))
    matrix = np.kron(rows, columns)
    flat = call.layer(
        "InnerProduct",
        bottom,
        part="flat",
        blobs=[matrix],
        frozen=True,
        inner_product_param={"num_output": matrix.shape[0], "bias_term": False, "axis": 2},
    )
    return call.layer("Reshape", flat, reshape_param={"shape": {"dim": [0, 0, *call.shape[2:]]}})


def _averages(size: int, windows: int) -> np.ndarray:
    """(windows, size) matrix whose rows average the windows."""
    matrix = np.zeros((windows, size))
    for row, (start, stop) in zip(matrix, adaptive_windows(size, windows), strict=True):
        row[start:stop] = 1 / (stop - start)
    return matrix


def _refuse_maximum(call: Call, bottom: Blob) -> str:
    raise RefusedError(f"from {bottom.shape[2:]} to {call.shape[2:]}, where the windows differ in size or distance")
