"""The quadratic penalty that holds weights near the old ones: what L2-SP, EWC, MAS and SI have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from finetune.methods.parts.importance import Importance
from finetune.training.prepared import NoTerm
from torchcaffe.network import Network


class Anchor(NoTerm):
    """Adds ``strength · Σ Ω (θ - θ*)²`` to the loss, θ* being the weights at the start.

    The penalty's gradient, ``2 · strength · Ω (θ - θ*)``, is added to what the backward pass left; its value is not
    part of the loss that a log shows. Parameters that take no gradient are left out.

    Parameters
    ----------
    strength : at least 0.
    layers : that are held; the new head never is.
    importance : gives Ω when training starts; None is 1 everywhere.
    """

    def __init__(
        self, strength: float, layers: Sequence[str], importance: Callable[[Network], Importance] | None = None
    ) -> None:
        self.strength = strength
        self.layers = tuple(layers)
        self.importance = importance
        self._held: list[tuple[torch.nn.Parameter, Tensor, Tensor | None]] = []

    def start(self, network: Network) -> None:
        """Remember the weights and measure their importance."""
        weights = None if self.importance is None else self.importance(network)
        self._held = [
            (parameter, parameter.detach().clone(), None if weights is None else weights[name][index])
            for name in self.layers
            for index, parameter in enumerate(network.params[name])
        ]

    @torch.no_grad()
    def before_update(self, network: Network) -> None:
        """Add the penalty's gradient."""
        for parameter, anchor, weight in self._held:
            if parameter.grad is not None:
                away = parameter - anchor
                parameter.grad.add_(away if weight is None else away.mul_(weight), alpha=2 * self.strength)

    @torch.no_grad()
    def penalty(self) -> float:
        """Give the penalty's value now."""
        terms = [
            float(((parameter - anchor) ** 2 * (1 if weight is None else weight)).double().sum())
            for parameter, anchor, weight in self._held
        ]
        return self.strength * sum(terms)
