"""Where the filters of a layer lie in its top and in its blobs."""

from __future__ import annotations

import numpy as np

from prototxt.formats.parameter_blobs import parameter_count
from prototxt.formats.schema import LayerParameter
from prototxt.net.layer_types import CONVOLUTION_TYPES
from prototxt.split.blobs import to_rows
from prototxt.split.layers import Layout

_LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "Convolution": ("rows", "rows"),
    "Deconvolution": ("deconvolution", "rows"),
    "InnerProduct": ("rows", "rows"),
    "BatchNorm": ("rows", "rows", "whole"),
    "Scale": ("rows", "rows"),
    "Bias": ("rows",),
    "PReLU": ("rows",),
}


def unit_count(layer: LayerParameter) -> int:
    """Number of filters or units of a Convolution, Deconvolution or InnerProduct layer."""
    if layer.type == "InnerProduct":
        return layer.inner_product_param.num_output
    return layer.convolution_param.num_output


def filter_axis(layer: LayerParameter) -> int:
    """Axis of the top along which the filters lie."""
    if layer.type == "InnerProduct":
        # The outputs are the last axis; a negative number counts from the end of the bottom, not of the top.
        return layer.inner_product_param.axis if layer.inner_product_param.axis >= 0 else -1
    return layer.convolution_param.axis


def layouts_of(layer: LayerParameter) -> tuple[Layout, ...]:
    """How each blob of a layer holds its filters; nothing for a layer without blobs that do."""
    layouts = _LAYOUTS.get(layer.type, ())
    if layer.type == "InnerProduct" and layer.inner_product_param.transpose:
        layouts = ("transposed", "rows")
    return layouts[: parameter_count(layer)]


def group_count(layer: LayerParameter) -> int:
    """Number of groups of a convolution; 1 for other types."""
    return layer.convolution_param.group if layer.type in CONVOLUTION_TYPES else 1


def filter_rows(layer: LayerParameter, blobs: list[np.ndarray]) -> list[np.ndarray]:
    """View the blobs of a layer with one row per filter; blobs that belong to no filter are left out."""
    groups = group_count(layer)
    layouts = zip(blobs, layouts_of(layer), strict=True)
    return [to_rows(blob, layout, groups) for blob, layout in layouts if layout != "whole"]
