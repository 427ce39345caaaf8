"""Back-propagation from one unit: the gradient, Zeiler and Fergus's deconvolution, and guided back-propagation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from deepvis.model.feed import USUAL, Feed, Layout
from prototxt.net.graph import Value
from torchcaffe.layer import Layer
from torchcaffe.network import Network


class DeconvReLU(Function):
    """Forward a rectifier; backward the rectifier of the gradient, whatever went in.

    A ``negative_slope`` of the layer counts forward only: both rules are for what fires.

    References
    ----------
    Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks", section 2.1.
    """

    @staticmethod
    def forward(ctx: Any, layer: Layer, inputs: Tensor) -> Tensor:
        """What the layer gives."""
        return layer(inputs)[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        """max(gradient, 0)."""
        return None, gradients[0].clamp(min=0)


class GuidedReLU(Function):
    """Forward a rectifier; backward the positive part of the gradient where the input was positive.

    A ``negative_slope`` counts forward only, as in `DeconvReLU`.

    References
    ----------
    Springenberg et al. (2015), "Striving for simplicity: the all convolutional net", section 3.4.
    """

    @staticmethod
    def forward(ctx: Any, layer: Layer, inputs: Tensor) -> Tensor:
        """What the layer gives."""
        ctx.save_for_backward(inputs)
        return layer(inputs)[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        """max(gradient, 0) where x > 0, else 0."""
        (inputs,) = ctx.saved_tensors
        return None, gradients[0].clamp(min=0) * (inputs > 0)


BACKPROP: dict[str, Mapping[str, Callable[..., Any]]] = {
    "gradient": {},
    "deconv": {"ReLU": DeconvReLU.apply},
    "guided": {"ReLU": GuidedReLU.apply},
}
"""By mode, what takes the place of the function of a layer type; all other layers keep their own gradient."""


def back_propagate(
    network: Network,
    inputs: Tensor,
    origin: Value,
    unit: int,
    mode: str,
    targets: Sequence[Value],
    feed: Feed,
    layout: Layout = USUAL,
) -> tuple[dict[Value, Tensor], Tensor]:
    """Carry a unit's own map back through the net.

    Every call makes a graph of its own, so that nothing that was looked at before can leak into the result, whatever
    the branches of the net.

    Parameters
    ----------
    network : the net in its TEST phase.
    inputs : (1, C, H, W) input blob, or what else ``feed`` takes.
    origin, unit : where it starts: the seed is the channel's own map, zero in every other channel.
    mode : a key of `BACKPROP`.
    targets : values whose gradients are wanted.
    feed : how ``inputs`` enter the net.
    layout : on which axis of the origin its units are.

    Returns
    -------
    For each target the gradient in its own shape, and that of ``inputs``; zeros where the origin does not depend on it.
    """
    leaf = inputs.detach().clone().requires_grad_()
    with torch.enable_grad():
        values = network.run(feed.inputs(leaf), keep=[origin, *targets], overrides=BACKPROP[mode])
        output = values[origin]
        seed = torch.zeros_like(output)
        layout.maps(seed)[:, unit] = layout.maps(output)[:, unit].detach()
        wanted = [value for value in dict.fromkeys(targets) if value != origin and values[value].requires_grad]
        points = [leaf, *(values[value] for value in wanted)]
        at_leaf, *gradients = torch.autograd.grad(output, points, seed, allow_unused=True)
    found = dict(zip(wanted, gradients, strict=True)) | {origin: seed}
    by_target = {value: _or_zeros(found.get(value), values[value]) for value in targets}
    return by_target, _or_zeros(at_leaf, leaf)


def _or_zeros(gradient: Tensor | None, value: Tensor) -> Tensor:
    return torch.zeros_like(value) if gradient is None else gradient.detach()
