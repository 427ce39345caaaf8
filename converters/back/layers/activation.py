"""Activations, Softmax and Dropout: one function on every number (Softmax: along an axis)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from converters.back.emitter import Emitter
from converters.back.registry import describes
from converters.back.source_layer import SourceLayer


@describes("ReLU")
def relu(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """``max(x, 0) + negative_slope · min(x, 0)``."""
    slope = layer.param.relu_param.negative_slope
    settings = {"negative_slope": slope} if slope else {}
    return [emit.activation("leaky_relu" if slope else "relu", bottoms[0], **settings)]


@describes("PReLU")
def prelu(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """A learned slope for every channel, or one for all."""
    return [emit.prelu(bottoms[0], layer.blobs[0].reshape(-1))]


@describes("ELU")
def elu(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """``x`` where positive, else ``alpha · (exp(x) - 1)``."""
    return [emit.activation("elu", bottoms[0], alpha=layer.param.elu_param.alpha)]


@describes("Sigmoid")
def sigmoid(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """``1 / (1 + exp(-x))``."""
    return [emit.activation("sigmoid", bottoms[0])]


@describes("TanH")
def tanh(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Hyperbolic tangent."""
    return [emit.activation("tanh", bottoms[0])]


@describes("BNLL")
def bnll(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """``log(1 + exp(x))``."""
    return [emit.activation("softplus", bottoms[0])]


@describes("Swish")
def swish(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """``x · sigmoid(beta · x)``."""
    (x,), beta = bottoms, layer.param.swish_param.beta
    return [emit.multiply(x, emit.unary("sigmoid", x if beta == 1 else emit.multiply(x, beta)))]


@describes("Clip")
def clip(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Clamps to [``min``, ``max``]."""
    return [emit.clamp(bottoms[0], layer.param.clip_param.min, layer.param.clip_param.max)]


@describes("Softmax")
def softmax(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """``exp(x) / Σ exp(x)`` along ``axis``."""
    return [emit.activation("softmax", bottoms[0], dim=layer.axis(layer.param.softmax_param.axis))]


@describes("Dropout")
def dropout(layer: SourceLayer, emit: Emitter[Any], bottoms: Sequence[Any]) -> Sequence[Any]:
    """Nothing in TEST; kept where the program can be trained."""
    return [emit.activation("dropout", bottoms[0], p=layer.param.dropout_param.dropout_ratio)]
