"""Normalisations."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from converters.errors import RefusedError
from converters.onnx.node import Node
from converters.onnx.ops.conv import CONV
from converters.onnx.registry import translates


@translates("BatchNormalization", gives="batch_norm")
def batch_normalization(node: Node) -> Tensor:
    """Normalisation with stored statistics."""
    node.refuse_unless("spatial", 1)
    if node.attribute("training_mode", 0) or any(node.writes(index) for index in range(1, node.outputs)):
        raise RefusedError("it is in training mode; export the model in evaluation mode")
    mean, variance = node[3], node[4]
    # ONNX's momentum is the share of what was, PyTorch's that of what is new
    momentum = 1.0 - float(node.attribute("momentum", 0.9))
    eps = float(node.attribute("epsilon", 1e-5))
    return functional.batch_norm(node[0], mean, variance, node[1], node[2], momentum=momentum, eps=eps)


@translates("InstanceNormalization", gives="instance_norm")
def instance_normalization(node: Node) -> Tensor:
    """Normalisation of every map by itself."""
    eps = float(node.attribute("epsilon", 1e-5))
    return functional.instance_norm(node[0], weight=node[1], bias=node[2], eps=eps)


@translates("GroupNormalization", gives="group_norm", since=18)
def group_normalization(node: Node) -> Tensor:
    """Normalisation of groups of channels; up to opset 20 scale and bias are per group."""
    x, scale, bias, groups = node[0], node[1], node[2], int(node.attribute("num_groups"))
    if node.opset < 21 and scale.numel() != x.shape[1]:
        scale, bias = (part.repeat_interleave(x.shape[1] // groups) for part in (scale, bias))
    return functional.group_norm(x, groups, scale, bias, float(node.attribute("epsilon", 1e-5)))


@translates("LayerNormalization", gives="layer_norm", since=17)
def layer_normalization(node: Node) -> Tensor:
    """Normalisation over all axes from one on."""
    if node.writes(1) or node.writes(2):
        raise RefusedError("its outputs of mean and deviation; only the first can be converted")
    x, axis = node[0], int(node.attribute("axis", -1))
    shape = list(x.shape[axis % x.dim() :])
    scale, bias = (None if part is None else part.expand(shape) for part in (node[1], node.get(2)))
    return functional.layer_norm(x, shape, scale, bias, float(node.attribute("epsilon", 1e-5)))


@translates("RMSNormalization", gives="rms_norm", since=23)
def rms_normalization(node: Node) -> Tensor:
    """Division by the root of the mean square over all axes from one on."""
    x, axis = node[0], int(node.attribute("axis", -1))
    shape = list(x.shape[axis % x.dim() :])
    return functional.rms_norm(x, shape, node[1].expand(shape), float(node.attribute("epsilon", 1e-5)))


@translates("LRN", gives="local_response_norm conv1d conv2d conv3d mul add pow")
def lrn(node: Node) -> Tensor:
    """Local response normalisation, alpha divided by the size; of an even size, one channel more after than before.

    PyTorch has that one before, so that an even size is written out, with a banded matrix over the channels.
    """
    x, size = node[0], int(node.attribute("size"))
    alpha, beta = float(node.attribute("alpha", 1e-4)), float(node.attribute("beta", 0.75))
    bias = float(node.attribute("bias", 1.0))
    if size % 2:
        return functional.local_response_norm(x, size, alpha, beta, bias)
    channels, axes = x.shape[1], x.dim() - 2
    if axes not in CONV:
        raise RefusedError(f"over {axes} axes beside the channels; over one to three it can be converted")
    offsets = torch.arange(channels)[None, :] - torch.arange(channels)[:, None]
    band = ((offsets >= -((size - 1) // 2)) & (offsets <= size // 2)).float().to(x.device)
    sums = CONV[axes](x * x, band.reshape(channels, channels, *[1] * axes))
    return x * (sums * (alpha / size) + bias) ** -beta


@translates("LpNormalization", gives="linalg_vector_norm div")
def lp_normalization(node: Node) -> Tensor:
    """Division by the sum of magnitudes, or by the root of the sum of squares, along an axis."""
    axis, p = int(node.attribute("axis", -1)), int(node.attribute("p", 2))
    return node[0] / torch.linalg.vector_norm(node[0], p, axis, keepdim=True)


@translates("MeanVarianceNormalization", gives="mean sub mul add sqrt div")
def mean_variance_normalization(node: Node) -> Tensor:
    """``(x - mean) / (deviation + 1e-9)`` over axes."""
    x, axes = node[0], list(node.attribute("axes", [0, 2, 3]))
    centred = x - x.mean(axes, keepdim=True)
    return centred / (torch.sqrt((centred * centred).mean(axes, keepdim=True)) + 1e-9)
