"""``caffe.coord_map``: where a place in one blob of a `NetSpec` lies in another, and the Crop layer that aligns them.

A map is (axis, scale, shift): ``coordinate in the bottom · scale + shift`` is the one in the top, from ``axis`` on, or
for every axis where it is None. Scale and shift are arrays, one number for every axis or one for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from prototxt.common.errors import InputError
from torchcaffe.pycaffe.net_spec import Function, Top, layers

CoordMap = tuple[int | None, Any, Any]

PASS_THROUGH_LAYERS = [
    "AbsVal", "BatchNorm", "Bias", "BNLL", "Dropout", "Eltwise", "ELU", "Log", "LRN", "Exp", "MVN", "Power", "ReLU",
    "PReLU", "Scale", "Sigmoid", "Split", "TanH", "Threshold",
]  # fmt: skip
IDENTITY: CoordMap = (None, 1, 0)
_WINDOW_FIELDS = ("convolution_param", "pooling_param")
_LEGACY_FIELDS = {"pad_h", "pad_w", "kernel_h", "kernel_w", "stride_h", "stride_w"}


class CropError(InputError, AssertionError):
    """One blob cannot be cropped to another."""


class UndefinedMapException(Exception):  # noqa: N818 - pycaffe's name
    """A layer moves no coordinates: an InnerProduct, for example."""


class AxisMismatchException(Exception):  # noqa: N818 - pycaffe's name
    """Two maps begin at different axes."""


def conv_params(fn: Function) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """First axis, stride, extent of the dilated kernel, and padding of a layer with windows.

    Raises
    ------
    CropError : it has ``kernel_h`` and the like.
    """
    params = next((fn.params[name] for name in _WINDOW_FIELDS if name in fn.params), fn.params)
    if _LEGACY_FIELDS & set(params):
        raise CropError(f"{fn.type_name}: cropping does not support legacy _h/_w params; give kernel_size: [h, w]")
    stride, dilation, pad = (
        np.array(params.get(field, default), ndmin=1) for field, default in (("stride", 1), ("dilation", 1), ("pad", 0))
    )
    extent = (np.array(params["kernel_size"], ndmin=1) - 1) * dilation + 1
    return params.get("axis", 1), stride, extent, pad


def crop_params(fn: Function) -> tuple[int, np.ndarray]:
    """First axis and offset of a Crop layer."""
    params = fn.params.get("crop_param", fn.params)
    return params.get("axis", 2), np.array(params.get("offset", 0), ndmin=1)


def coord_map(fn: Function) -> CoordMap:
    """What a layer does to coordinates.

    Raises
    ------
    UndefinedMapException : nothing that can be said.
    """
    if fn.type_name in PASS_THROUGH_LAYERS:
        return IDENTITY
    if fn.type_name not in _MAPS:
        raise UndefinedMapException(f"a layer of type {fn.type_name} moves no coordinates")
    return _MAPS[fn.type_name](fn)


def compose(base_map: CoordMap, next_map: CoordMap) -> CoordMap:
    """One map after another.

    Raises
    ------
    AxisMismatchException : they begin at different axes.
    """
    (axis, scale, shift), (next_axis, next_scale, next_shift) = base_map, next_map
    if axis is not None and next_axis is not None and axis != next_axis:
        raise AxisMismatchException(f"one map begins at axis {axis}, the other at {next_axis}")
    return next_axis if axis is None else axis, scale * next_scale, scale * next_shift + shift


def inverse(coord_map: CoordMap) -> CoordMap:
    """The way back."""
    axis, scale, shift = coord_map
    return axis, 1 / scale, -shift / scale


def coord_map_from_to(top_from: Top, top_to: Top) -> CoordMap:
    """The map between two tops of one net, by way of a blob that both come from.

    Raises
    ------
    RuntimeError : there is none.
    """
    from_maps = dict(_walk_back(top_from))
    for top, to_map in _walk_back(top_to):
        if top in from_maps:
            return compose(to_map, inverse(from_maps[top]))
    raise RuntimeError("Could not compute map between tops; are they connected by spatial layers?")


def crop(top_from: Top, top_to: Top) -> Top:
    """A Crop layer that cuts ``top_from`` so that it lies over ``top_to``.

    Raises
    ------
    CropError : they differ in scale, the first is too small, or they are apart by half a pixel.
    """
    axis, scale, shift = coord_map_from_to(top_from, top_to)
    shift = np.asarray(shift)
    for holds, problem in (
        (np.all(scale == 1), f"scale mismatch on crop (a = {scale})"),
        (np.all(shift <= 0), f"cannot crop negative offset (b = {shift})"),
        (np.all(np.round(shift) == shift), f"cannot crop noninteger offset (b = {shift})"),
    ):
        if not holds:
            raise CropError(problem)
    offset = [int(number) for number in np.atleast_1d(-np.round(shift))]
    cropped: Top = layers.Crop(top_from, top_to, crop_param={"axis": (axis or 0) + 1, "offset": offset})
    return cropped


def _walk_back(top: Top) -> Iterator[tuple[Top, CoordMap]]:
    """A top and all that it comes from as far as coordinates can be followed, each with the map to it."""
    waiting: list[tuple[Top, CoordMap]] = [(top, IDENTITY)]
    seen = {top}
    while waiting:
        current, to_here = waiting.pop()
        yield current, to_here
        try:
            back = coord_map(current.fn)
        except UndefinedMapException:
            continue
        bottoms = current.fn.inputs[:1] if current.fn.type_name == "Crop" else current.fn.inputs
        for bottom in bottoms:
            if bottom not in seen:
                seen.add(bottom)
                waiting.append((bottom, compose(to_here, back)))


def _shrinking(fn: Function) -> CoordMap:
    axis, stride, extent, pad = conv_params(fn)
    return axis, 1 / stride, (pad - (extent - 1) / 2) / stride


def _growing(fn: Function) -> CoordMap:
    axis, stride, extent, pad = conv_params(fn)
    return axis, stride, (extent - 1) / 2 - pad


def _cropping(fn: Function) -> CoordMap:
    axis, offset = crop_params(fn)
    return axis - 1, 1, -offset


_MAPS: dict[str, Callable[[Function], CoordMap]] = {
    "Convolution": _shrinking,
    "Pooling": _shrinking,
    "Im2col": _shrinking,
    "Deconvolution": _growing,
    "Crop": _cropping,
}
