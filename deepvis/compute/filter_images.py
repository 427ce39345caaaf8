"""The filters of a layer as small pictures: the first layer's as RGB, deeper ones by three principal components."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from deepvis.compute.filters import unit_filters
from deepvis.compute.principal import find_components
from deepvis.engines.describe import tile_shape
from deepvis.model.model import Model
from prototxt.common.progress import Progress
from prototxt.net.graph import Node
from prototxt.net.layer_types import ACTIVATION_TYPES, UNIT_TYPES

Array = NDArray[np.float32]
COLOURS = 3
GREY = 128
"""Level of the colour of zero."""

_SAME_SHAPE = ACTIVATION_TYPES | {"Dropout", "Flatten", "LRN"}


@dataclass(frozen=True, eq=False)
class FilterImages:
    """A picture for every unit of a layer.

    Parameters
    ----------
    kernels : (C, I, h, w) weights of every unit; I are the inputs of its own group.
    pixels : (C, h, w, 3) uint8 RGB; zero is `GREY` in every picture.
    reach : the value that has the full colour; one for the whole layer.
    what : what the colours are, in words.
    """

    kernels: Array
    pixels: NDArray[np.uint8]
    reach: float
    what: str


def drawing_filters(model: Model, layer: str) -> Generator[Progress, None, FilterImages]:
    """Draw the filters of a layer of `deepvis.model.model.Model.unit_layers` that has filters.

    A layer that sees the three channels of the picture is drawn in their colours. Of deeper layers every position of
    every unit's filter is a vector of I weights, one for each input channel; the principal components of all of these
    C · h · w vectors are found about their mean, for each group of the layer by itself (its inputs are others), and the
    weights themselves, not their difference from the mean, are projected on the first three: the projections are red,
    green and blue, and a filter of zeros is grey. With one input channel the weights are drawn in grey.
    """
    node = model.graph.node(layer)
    kernels = unit_kernels(model, node)
    inputs = kernels.shape[1]
    if _sees_pixels(model, node, inputs):
        order = slice(None, None, -1 if model.preprocessing.channel_order == "BGR" else 1)
        return _coloured(kernels, kernels[:, order], "weights as red, green and blue")
    if inputs == 1:
        return _coloured(kernels, np.repeat(kernels, COLOURS, 1), "weights of the only input channel")
    parts: list[Array] = []
    shares: list[float] = []
    for group in np.split(kernels, _groups(node)):
        yield Progress(len(parts), _groups(node), "principal components")
        vectors = np.moveaxis(group, 1, -1).reshape(-1, inputs)
        found = find_components(vectors, COLOURS)
        projected = vectors @ found.directions.T
        parts.append(np.moveaxis(projected.reshape(len(group), *group.shape[2:], COLOURS), -1, 1))
        shares.append(float(found.shares.sum()))
    number = prod(kernels.shape) // inputs
    what = f"3 principal components of {number} vectors of {inputs} weights, {np.mean(shares):.0%} of their variance"
    return _coloured(kernels, np.concatenate(parts), what)


def unit_kernels(model: Model, node: Node) -> Array:
    """(C, I, h, w) filters of a layer with units: an InnerProduct's as the maps that it reads, else of 1×1.

    Signals have height 1, slices of volumes lie below each other.
    """
    filters = unit_filters(model, node.name)
    if node.type == "InnerProduct":
        _, inputs, *rest = (1, *_map_shape(model, node)) if _map_shape(model, node) else (1, filters.shape[1])
        filters = filters.reshape(len(filters), inputs, *rest)
    units, inputs, *sizes = filters.shape
    return filters.reshape(units, *tile_shape((inputs, *sizes)))


def _map_shape(model: Model, node: Node) -> tuple[int, ...]:
    """(I, …) of the map that an InnerProduct reads, looking through layers that keep its values; () for a vector."""
    value = node.bottoms[0]
    size = model.shapes.params[node.name][0][0 if node.layer.inner_product_param.transpose else 1]
    while True:
        shape = model.shapes.values[value][1:]
        if len(shape) > 1 and prod(shape) == size:
            return tuple(shape)
        producer = model.graph.producer(value)
        if producer.type not in _SAME_SHAPE or not producer.bottoms:
            return ()
        value = producer.bottoms[0]


def _sees_pixels(model: Model, node: Node, inputs: int) -> bool:
    """Whether a layer looks at the three channels of the picture, which nothing with units has changed."""
    above = model.graph.ancestors(node.bottoms[:1])
    is_first = not any(layer.type in UNIT_TYPES for layer in above)
    return is_first and inputs == COLOURS and model.preprocessing.channel_order in ("BGR", "RGB")


def _groups(node: Node) -> int:
    return 1 if node.type == "InnerProduct" else node.layer.convolution_param.group


def _coloured(kernels: Array, colours: Array, what: str) -> FilterImages:
    """Colours of (C, 3, h, w) values: `GREY` for zero, one scale for all."""
    reach = float(np.abs(colours).max(initial=0))
    levels = np.rint(GREY + colours * ((GREY - 1) / reach if reach > 0 else 1)).astype(np.uint8)
    return FilterImages(kernels, np.ascontiguousarray(np.moveaxis(levels, 1, -1)), reach, what)
