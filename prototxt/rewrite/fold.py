"""Normalisation, scaling and shifting of channels folded into the layer whose outputs they work on.

``a · (W x + b) + c`` is ``(a W) x + (a b + c)``: exact but for one rounding of every weight to float32, as all of it is
computed in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from prototxt.formats.schema import LayerParameter, NetParameter
from prototxt.formats.weights import Weights
from prototxt.net.graph import NetGraph, Node
from prototxt.net.layer_types import UNIT_TYPES
from prototxt.rewrite.rewritten import Rewritten, Top, without_layers


@dataclass(frozen=True)
class Affine:
    """``scale · x + shift`` by channel, float64, (channels,) each."""

    scale: np.ndarray
    shift: np.ndarray

    def then(self, other: Affine) -> Affine:
        """First this one, then ``other``."""
        return Affine(self.scale * other.scale, self.shift * other.scale + other.shift)


def fold(net: NetParameter, weights: Weights, batch_norm: bool = True) -> Rewritten:
    """Fold BatchNorm, Scale, Bias and Power behind a Convolution, Deconvolution or InnerProduct into its weights.

    What is folded must be the only reader of the layer's top, and work channel by channel with constants. Layers that
    share parameters by name are left as they are.

    Parameters
    ----------
    batch_norm : also BatchNorm, whose statistics then no longer follow the data in training.
    """
    graph = NetGraph(net)
    chains = [chain for node in graph.unit_layers() if (chain := _chain(graph, node, weights, batch_norm))]
    folded = dict(weights)
    gone: dict[str, int] = {}
    moved: dict[Top, Top | None] = {}
    for node, followers, affine in chains:
        folded[node.name] = folded_weights(node.layer, weights[node.name], affine)
        for follower in followers:
            gone[follower.name] = 0
            folded.pop(follower.name, None)
        moved |= {(each.name, 0): None for each in (node, *followers)} | {(followers[-1].name, 0): (node.name, 0)}
    new, blobs = without_layers(net, gone)
    biased = {node.name for node, _, _ in chains}
    for layer in new.layer:
        if layer.name in biased:
            _with_bias(layer)
    left = [node.name for node in graph.layers if node.type == "BatchNorm" and node.name not in gone]
    notes = (f"not folded, since no convolution comes right before: {', '.join(left)}",) if left and batch_norm else ()
    return Rewritten(new, folded, moved, blobs, notes)


def folded_weights(layer: LayerParameter, blobs: list[np.ndarray], affine: Affine) -> list[np.ndarray]:
    """Weights and bias of a layer with ``affine`` behind it, float64, in Caffe's layout."""
    weight = blobs[0].astype(np.float64)
    bias = blobs[1].astype(np.float64).reshape(-1) if len(blobs) > 1 else np.zeros(len(affine.scale))
    if layer.type == "Deconvolution":  # (in, out / groups, height, width)
        groups = layer.convolution_param.group
        grouped = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
        factors = affine.scale.reshape(groups, 1, -1, *[1] * (weight.ndim - 2))
        weight = (grouped * factors).reshape(weight.shape)
    elif layer.type == "InnerProduct" and layer.inner_product_param.transpose:
        weight = weight * affine.scale
    else:
        weight = weight * affine.scale.reshape(-1, *[1] * (weight.ndim - 1))
    return [weight, affine.scale * bias + affine.shift]


def _chain(graph: NetGraph, node: Node, weights: Weights, batch_norm: bool) -> tuple[Node, list[Node], Affine] | None:
    """The layers that can be folded into ``node``, and what they compute together; None where there are none."""
    if len(node.tops) != 1 or node.name not in weights or _shares(node.layer) or _axis(node.layer) != 1:
        return None
    channels = _channels(node.layer)
    affine = Affine(np.ones(channels), np.zeros(channels))
    followers: list[Node] = []
    for follower in _only_readers(graph, node):
        step = AFFINE.get(follower.type) if batch_norm or follower.type != "BatchNorm" else None
        found = step(follower.layer, weights.get(follower.name, []), channels) if step else None
        if found is None or _shares(follower.layer):
            break
        affine = affine.then(found)
        followers.append(follower)
    return (node, followers, affine) if followers else None


def _only_readers(graph: NetGraph, node: Node) -> Iterator[Node]:
    """The layers behind ``node`` as long as each is the only reader of the one before."""
    readers = graph.consumers(node.tops[0])
    while len(readers) == 1 and len(readers[0].bottoms) == len(readers[0].tops) == 1:
        yield readers[0]
        readers = graph.consumers(readers[0].tops[0])


def _batch_norm(layer: LayerParameter, blobs: list[np.ndarray], channels: int) -> Affine | None:
    param = layer.batch_norm_param
    if (
        len(blobs) != 3
        or blobs[0].size != channels
        or (param.HasField("use_global_stats") and not param.use_global_stats)
    ):
        return None
    factor = float(blobs[2].reshape(-1)[0])
    mean, variance = (
        blob.astype(np.float64).reshape(-1) / factor if factor else np.zeros(channels) for blob in blobs[:2]
    )
    scale = 1 / np.sqrt(variance + param.eps)
    return Affine(scale, -mean * scale)


def _scale(layer: LayerParameter, blobs: list[np.ndarray], channels: int) -> Affine | None:
    if layer.scale_param.axis != 1 or not blobs or blobs[0].shape != (channels,):
        return None
    shift = blobs[1].astype(np.float64).reshape(-1) if len(blobs) > 1 else np.zeros(channels)
    return Affine(blobs[0].astype(np.float64), shift)


def _bias(layer: LayerParameter, blobs: list[np.ndarray], channels: int) -> Affine | None:
    if layer.bias_param.axis != 1 or not blobs or blobs[0].shape != (channels,):
        return None
    return Affine(np.ones(channels), blobs[0].astype(np.float64))


def _power(layer: LayerParameter, blobs: list[np.ndarray], channels: int) -> Affine | None:
    param = layer.power_param
    return Affine(np.full(channels, param.scale), np.full(channels, param.shift)) if param.power == 1 else None


AFFINE: dict[str, Callable[[LayerParameter, list[np.ndarray], int], Affine | None]] = {
    "BatchNorm": _batch_norm,
    "Bias": _bias,
    "Power": _power,
    "Scale": _scale,
}
"""What a layer computes by channel, by its type; the function gives None where this layer does not."""


def _channels(layer: LayerParameter) -> int:
    if layer.type == "InnerProduct":
        return layer.inner_product_param.num_output
    return layer.convolution_param.num_output


def _axis(layer: LayerParameter) -> int:
    """The axis of the outputs of a layer with units."""
    assert layer.type in UNIT_TYPES
    return layer.inner_product_param.axis if layer.type == "InnerProduct" else layer.convolution_param.axis


def _shares(layer: LayerParameter) -> bool:
    return any(spec.name for spec in layer.param)


def _with_bias(layer: LayerParameter) -> None:
    """Say that the layer has a bias, which learns as its weights do."""
    param = layer.inner_product_param if layer.type == "InnerProduct" else layer.convolution_param
    if not param.bias_term:
        param.ClearField("bias_term")
        if len(layer.param) == 1:
            layer.param.add().CopyFrom(layer.param[0])
