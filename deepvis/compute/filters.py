"""The weights of a layer, unit by unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepvis.model.model import Model

Array = NDArray[np.float32]


def unit_filters(model: Model, layer: str) -> Array:
    """Weights of every unit of a Convolution, Deconvolution or InnerProduct layer.

    Parameters
    ----------
    model : the model.
    layer : name of a layer of `Model.unit_layers`.

    Returns
    -------
    (C, inputs, height, width) for convolutions, (C, inputs) for an InnerProduct layer; the inputs are those of the
    unit's own group.
    """
    node = model.graph.node(layer)
    weights = np.asarray(model.weights[layer][0], np.float32)
    if node.type == "InnerProduct":
        weights = weights.reshape(weights.shape[-2:])
        return weights.T if node.layer.inner_product_param.transpose else weights
    if node.type != "Deconvolution":
        return weights
    groups = node.layer.convolution_param.group  # Caffe's blob of a Deconvolution is (inputs, units of a group, …)
    inputs, units = weights.shape[:2]
    parts = weights.reshape(groups, inputs // groups, units, *weights.shape[2:]).swapaxes(1, 2)
    return parts.reshape(groups * units, inputs // groups, *weights.shape[2:])


def unit_biases(model: Model, layer: str) -> Array | None:
    """(C,) bias of every unit; None for a layer without."""
    arrays = model.weights[layer]
    return np.asarray(arrays[1], np.float32).reshape(-1) if len(arrays) > 1 else None
