"""Initial weights as Caffe's fillers give them. Imported inside functions only: it needs torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import torchcaffe.layers  # noqa: F401 - registers them
from prototxt.formats.schema import LayerParameter
from torchcaffe.registry import LAYERS


def filled_blobs(layer: LayerParameter, bottom_shapes: Sequence[tuple[int, ...]], seed: int) -> list[np.ndarray]:
    """Fill the parameters of a layer, with the same numbers as a net of torchcaffe with this seed.

    Parameters
    ----------
    layer : its fillers decide; without one a parameter is 0, as in Caffe.
    bottom_shapes : of the layer.
    seed : together with the layer's name it decides the random numbers.

    Raises
    ------
    NetError : a filler is unknown or does not fit.
    """
    layer_class = LAYERS.find(layer.type, f"layer {layer.name!r}")
    made = layer_class.from_param(layer, bottom_shapes, "TEST", seed)
    return [blob.detach().numpy() for blob in made.blobs]


def fresh_blobs(layer: LayerParameter, bottom_shapes: Sequence[tuple[int, ...]], seed: int) -> list[np.ndarray]:
    """`filled_blobs`, but a BatchNorm's statistics are mean 0 and variance 1, with which it changes nothing."""
    blobs = filled_blobs(layer, bottom_shapes, seed)
    if layer.type == "BatchNorm":
        blobs[1][...], blobs[2][...] = 1, 1
    return blobs
