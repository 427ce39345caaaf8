"""Layers that run as one where nobody looks at the blobs between them.

Where no gradient is recorded, a ReLU behind any layer that makes a new tensor is written into that; no bit changes.
Folding, which changes the last bits, is asked for: a BatchNorm takes the Scale and Bias behind it, and without a
gradient a Convolution takes all of them into its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from prototxt.net.graph import Value
from torchcaffe.layer import Layer
from torchcaffe.layers.activation import ReLU
from torchcaffe.layers.convolution import Convolution
from torchcaffe.layers.normalization import BatchNorm
from torchcaffe.layers.scale import Bias, Scale
from torchcaffe.memory import is_seen_as_array
from torchcaffe.plan import Step

MAKES_A_NEW_TENSOR = frozenset(
    (
        "BatchNorm",
        "Bias",
        "Concat",
        "Convolution",
        "Deconvolution",
        "Eltwise",
        "InnerProduct",
        "LRN",
        "Pooling",
        "Scale",
    )
)
"""Types whose top shares no memory with a bottom, so that it may be written into."""

Rule = Callable[[Layer, Layer], bool]
"""Whether a layer can be taken in by the first of a chain, which comes second."""
Affine = tuple[Tensor, Tensor]
"""Factor and summand of every channel."""


def fuse(plan: Sequence[Step], layers: Sequence[Layer], rule: Rule) -> tuple[Step, ...]:
    """Put steps together that can run as one; what is kept and given is in ``plan`` already.

    Parameters
    ----------
    plan : one layer a step, in order.
    layers : one for every node of the graph.
    rule : whether a layer can be taken in by the first of a chain.
    """
    readers: dict[Value, list[Step]] = {}
    for step in plan:
        for value, _ in step.bottoms:
            readers.setdefault(value, []).append(step)
    taken: set[int] = set()
    fused: list[Step] = []
    for step in plan:
        if step.node.index in taken:
            continue
        chain = list(_chain(step, readers, layers, rule))
        taken.update(each.node.index for each in chain)
        fused.append(_joined(chain, [layers[each.node.index] for each in chain]) if len(chain) > 1 else step)
    return tuple(fused)


def _chain(
    first: Step,
    readers: dict[Value, list[Step]],
    layers: Sequence[Layer],
    rule: Rule,
) -> Iterator[Step]:
    """A step and those behind it that it can take in."""
    step, head = first, layers[first.node.index]
    yield step
    if head.type not in MAKES_A_NEW_TENSOR or len(step.tops) != 1:
        return
    while True:
        (value,) = step.tops
        behind = readers.get(value, [])
        if len(behind) != 1 or value not in behind[0].frees or len(behind[0].bottoms) != 1:
            return
        step = behind[0]
        if not rule(layers[step.node.index], head):
            return
        yield step
        if step.node.type == "ReLU":
            return


def rule_of(gradient: bool, fold: bool) -> Rule | None:
    """What can be taken in, None for nothing.

    Parameters
    ----------
    gradient : whether one is recorded.
    fold : whether the last bits may change.
    """
    if gradient:
        return _into_batch_norm if fold else None
    return _into_weights if fold else _in_place


def _in_place(layer: Layer, head: Layer) -> bool:
    return isinstance(layer, ReLU)


def _into_weights(layer: Layer, head: Layer) -> bool:
    if isinstance(head, Convolution) and head.axis == 1 and _is_affine(layer):
        return True
    return _in_place(layer, head) or _into_batch_norm(layer, head)


def _into_batch_norm(layer: Layer, head: Layer) -> bool:
    cut = layer.cuts_gradient(0)
    return isinstance(head, BatchNorm) and isinstance(layer, Scale | Bias) and _is_affine(layer) and not cut


def _is_affine(layer: Layer) -> bool:
    """Whether a layer has one factor and summand for every channel (axis 1) among its own blobs."""
    if isinstance(layer, BatchNorm):
        return layer.global_stats
    return isinstance(layer, Scale | Bias) and bool(layer.blobs) and layer.axis == 1 and len(layer.blob_shapes[0]) == 1


def _joined(chain: Sequence[Step], layers: Sequence[Layer]) -> Step:
    """One step for a chain of them."""
    inner = {value for step in chain[:-1] for value in step.tops}
    frees = tuple(value for step in chain for value in step.frees if value not in inner)
    return replace(chain[0], tops=chain[-1].tops, frees=frees, function=_function(layers))


def _function(layers: Sequence[Layer]) -> Callable[..., Tensor]:
    head, *others = layers
    relu = others[-1] if isinstance(others[-1], ReLU) else None
    others = others[:-1] if relu else others
    compute: Callable[..., Tensor]
    if not others:
        compute = _only_top(head)
    elif isinstance(head, Convolution):
        compute = FoldedConvolution(head, others)
    else:
        assert isinstance(head, BatchNorm)
        compute = _normalize(head, others)
    return compute if relu is None else _then_relu(compute, relu)


def _only_top(layer: Layer) -> Callable[..., Tensor]:
    def compute(*bottoms: Tensor) -> Tensor:
        (top,) = layer(*bottoms)
        return top

    return compute


def _then_relu(compute: Callable[..., Tensor], relu: ReLU) -> Callable[..., Tensor]:
    def rectified(*bottoms: Tensor) -> Tensor:
        top = compute(*bottoms)
        return F.leaky_relu_(top, relu.negative_slope) if relu.negative_slope else F.relu_(top)

    return rectified


def _normalize(head: BatchNorm, others: Sequence[Layer]) -> Callable[..., Tensor]:
    def compute(x: Tensor) -> Tensor:
        return head.normalize(x, *_product(others, head.blob(0).detach()))

    return compute


def _product(layers: Sequence[Layer], like: Tensor) -> Affine:
    """All factors and summands as one."""
    first, *others = layers
    factor, summand = _affine(first, like)
    for layer in others:
        by, plus = _affine(layer, like)
        factor, summand = factor * by, summand * by + plus
    return factor, summand


def _affine(layer: Layer, like: Tensor) -> Affine:
    if isinstance(layer, BatchNorm):
        mean, variance = layer.statistics()
        factor = (variance + layer.eps).rsqrt()
        return factor, -mean * factor
    if isinstance(layer, Scale):
        return layer.blob(0), layer.blob(1) if layer.bias_term else torch.zeros_like(like)
    return torch.ones_like(like), layer.blob(0)


class FoldedConvolution:
    """A Convolution with the factors and summands behind it in its weights.

    The weights are made anew when a parameter has changed: in place through torch (its version counts up) or by another
    tensor in its place; and every time where no change is counted: a program has the memory as an array (pycaffe), or
    the net was made in `torch.inference_mode`.

    Parameters
    ----------
    convolution : over axis 1.
    others : BatchNorm, Scale and Bias, in order.
    """

    def __init__(self, convolution: Convolution, others: Sequence[Layer]) -> None:
        self._convolution = convolution
        self._others = others
        self._state: tuple[tuple[int, int, int], ...] | None = None
        self._weights: Affine

    def __call__(self, x: Tensor) -> Tensor:
        """(N, C, ...) → (N, num_output, ...)."""
        blobs = [blob for layer in (self._convolution, *self._others) for blob in layer.blobs]
        if any(is_seen_as_array(blob) or blob.is_inference() for blob in blobs):
            return self._convolution.filter(x, *self._fold())
        state = tuple((id(blob), blob._version, blob.data_ptr()) for blob in blobs)
        if state != self._state:
            self._weights = self._fold()
            self._state = state
        return self._convolution.filter(x, *self._weights)

    def _fold(self) -> Affine:
        weight = self._convolution.blob(0)
        factor, summand = _product(self._others, weight.new_empty(len(weight)))
        folded = weight * factor.reshape(-1, *(1,) * (weight.ndim - 1))
        bias = self._convolution.blob(1) * factor + summand if self._convolution.bias_term else summand
        if weight.ndim == 4:
            folded = folded.contiguous(memory_format=torch.channels_last)
        return folded, bias
