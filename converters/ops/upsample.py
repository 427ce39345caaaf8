"""Maps of another size: nearest, linear and cubic interpolation over 1 to 3 axes.

Every resizing of PyTorch works on one axis after the other, and is a matrix there. Three kinds of matrices have a layer
that does the same at every size of the map; any other is applied as it is, and holds for this size only.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import numpy as np
import torch

from converters.call import Call, Result
from converters.layer_spec import Blob
from converters.ops.axis_map import map_axis, picking
from converters.ops.border import divide_by_that_of_ones
from converters.ops.geometry import window
from converters.ops.shift import shift_window
from converters.registry import converts

aten = torch.ops.aten

RESIZES = {
    "aten.upsample_nearest1d.vec": aten.upsample_nearest1d.vec,
    "aten.upsample_nearest2d.vec": aten.upsample_nearest2d.vec,
    "aten.upsample_nearest3d.vec": aten.upsample_nearest3d.vec,
    "aten._upsample_nearest_exact1d.vec": aten._upsample_nearest_exact1d.vec,
    "aten._upsample_nearest_exact2d.vec": aten._upsample_nearest_exact2d.vec,
    "aten._upsample_nearest_exact3d.vec": aten._upsample_nearest_exact3d.vec,
    "aten.upsample_linear1d.vec": aten.upsample_linear1d.vec,
    "aten.upsample_bilinear2d.vec": aten.upsample_bilinear2d.vec,
    "aten.upsample_trilinear3d.vec": aten.upsample_trilinear3d.vec,
    "aten.upsample_bicubic2d.vec": aten.upsample_bicubic2d.vec,
    "aten._upsample_bilinear2d_aa.vec": aten._upsample_bilinear2d_aa.vec,
    "aten._upsample_bicubic2d_aa.vec": aten._upsample_bicubic2d_aa.vec,
}


@converts(*RESIZES, status="trick")
def convert_resize(call: Call) -> Result:
    """Deconvolution for whole factors (linear: over that of ones), else a frozen Convolution and InnerProduct.

    Each axis gets the layer that does what its matrix does.
    """
    blob = call.blob("input")
    matrices = {axis: axis_matrix(call, axis) for axis in range(2, len(blob.shape))}
    kinds = {axis: _kind(matrix) for axis, matrix in matrices.items()}

    def factors(kind: str) -> dict[int, int]:
        return {axis: call.shape[axis] // blob.shape[axis] for axis, found in kinds.items() if found == kind}

    strides = {axis: -(matrices[axis].shape[1] // -len(matrices[axis])) for axis in kinds if kinds[axis] == "stride"}
    repeats, linear = factors("repeat"), factors("linear")
    resized = _repeat(call, shift_window(call, blob, {}, strides), repeats)
    resized = _grow_linearly(call, resized, linear) if linear else resized
    others = [axis for axis, kind in kinds.items() if kind == "other"]
    if others:
        call.fix_size(f"resizes {' x '.join(map(str, blob.shape[2:]))} to {' x '.join(map(str, call.shape[2:]))}")
    for axis in others:
        resized = map_axis(call, resized, axis, matrices[axis], part="resized")
    return resized


def axis_matrix(call: Call, axis: int) -> np.ndarray:
    """(new extent, old extent): what the operation makes of unit lines along ``axis``, by PyTorch itself."""
    extent, wanted = call.blob("input").shape[axis], call.shape[axis]
    axes = range(2, len(call.shape))
    # lines of unit vectors, two along every other axis: with one, PyTorch's antialiasing takes a wrong turning
    unit = torch.eye(extent, dtype=torch.float64)
    lines = unit.reshape(extent, 1, *(extent if place == axis else 1 for place in axes))
    lines = lines.repeat(1, 1, *(1 if place == axis else 2 for place in axes))
    arguments = dict(call.arguments) | {"input": lines}
    if call["output_size"] is not None:
        arguments["output_size"] = [wanted if place == axis else 2 for place in axes]
    else:
        factors = call["scale_factors"]
        arguments["scale_factors"] = [factors[place - 2] if place == axis else 1.0 for place in axes]
    result = RESIZES[call.op](**arguments).movedim(axis, 1).reshape(extent, wanted, -1)
    return result[:, :, 0].numpy().T


def _kind(matrix: np.ndarray) -> str:
    """Which layer a resizing is: "none", "repeat", "stride", "linear" or "other"."""
    tests = {"none": _is_identity, "repeat": _is_repetition, "stride": _is_stride, "linear": _is_linear_growth}
    return next((kind for kind, fits in tests.items() if fits(matrix)), "other")


def _is_identity(matrix: np.ndarray) -> bool:
    return matrix.shape[0] == matrix.shape[1] and bool((matrix == np.eye(len(matrix))).all())


def _is_repetition(matrix: np.ndarray) -> bool:
    """Whether every place comes a whole number of times behind itself."""
    factor, rest = divmod(len(matrix), matrix.shape[1])
    return not rest and bool((matrix == np.eye(matrix.shape[1]).repeat(factor, 0)).all())


def _is_stride(matrix: np.ndarray) -> bool:
    """Whether it keeps every n-th place, the first included."""
    extent = matrix.shape[1]
    step = -(extent // -len(matrix))
    places = list(range(0, extent, step))
    return len(places) == len(matrix) and bool((matrix == picking(places, extent)).all())


def _is_linear_growth(matrix: np.ndarray) -> bool:
    """Whether it interpolates linearly between the centres of places, growing by a whole number."""
    factor, rest = divmod(len(matrix), matrix.shape[1])
    if rest or factor < 2:
        return False
    line, pad = linear_filter(factor)
    spread = np.zeros(((matrix.shape[1] - 1) * factor + len(line), matrix.shape[1]))
    for place in range(matrix.shape[1]):
        spread[place * factor : place * factor + len(line), place] = line
    spread = spread[pad : pad + len(matrix)]
    return bool(np.allclose(spread / spread.sum(1, keepdims=True), matrix, rtol=0, atol=1e-12))


def linear_filter(factor: int) -> tuple[np.ndarray, int]:
    """The triangle that a place spreads over when it grows by ``factor``, and the padding of its Deconvolution."""
    size = 2 * factor - factor % 2
    centre = (2 * factor - 1 - factor % 2) / (2 * factor)
    return 1 - np.abs(np.arange(size) / factor - centre), factor // 2


def _repeat(call: Call, blob: Blob, factors: Mapping[int, int]) -> Blob:
    """Append a Deconvolution per channel whose windows lie side by side and hold the place that they come from."""
    if not factors:
        return blob
    return _deconvolve(
        call, blob, "repeated", {axis: (np.ones(factor), 0) for axis, factor in factors.items()}, factors
    )


def _grow_linearly(call: Call, blob: Blob, factors: Mapping[int, int]) -> Blob:
    """Append a Deconvolution per channel, over what it makes of ones.

    At the borders, where PyTorch repeats the last place, a part of the weights falls outside.
    """
    filters = {axis: linear_filter(factor) for axis, factor in factors.items()}
    return divide_by_that_of_ones(call, blob, lambda each: _deconvolve(call, each, "spread", filters, factors))


def _deconvolve(
    call: Call, blob: Blob, part: str, filters: Mapping[int, tuple[np.ndarray, int]], strides: Mapping[int, int]
) -> Blob:
    """Append a Deconvolution per channel by the product of one filter, with its padding, for each axis."""
    axes, channels = range(2, len(blob.shape)), blob.shape[1]
    lines, pads = zip(*(filters.get(axis, (np.ones(1), 0)) for axis in axes), strict=True)
    kernel = reduce(np.multiply.outer, lines)
    sizes = [blob.shape[axis] * strides.get(axis, 1) for axis in axes]
    return call.step(
        "Deconvolution",
        blob,
        part,
        (*blob.shape[:2], *sizes),
        [np.tile(kernel, (channels, 1, *(1,) * len(axes)))],
        convolution_param={
            "num_output": channels,
            "bias_term": False,
            **window("kernel", kernel.shape),
            **window("stride", [strides.get(axis, 1) for axis in axes], default=1),
            **window("pad", pads, default=0),
            **({} if channels == 1 else {"group": channels}),
        },
    )
